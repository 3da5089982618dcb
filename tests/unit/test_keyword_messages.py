"""What keywords log and how they fail, on sessions that are written down here."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.errors import UsageError
from RbeeLibrary.journal.reader import RequestRecord
from RbeeLibrary.keywords.argument_types import with_plain_defaults
from RbeeLibrary.keywords.inference import InferenceKeywords
from RbeeLibrary.keywords.journal import JournalKeywords
from RbeeLibrary.keywords.lifecycle import LifecycleKeywords
from RbeeLibrary.keywords.load import LoadKeywords
from RbeeLibrary.keywords.stores import StoreKeywords
from RbeeLibrary.keywords.time_control import TimeKeywords
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.session.assertions import Verifier
from RbeeLibrary.session.inference.inference_client import Inference
from RbeeLibrary.session.inference.locust_load import LoadPlan, LocustLoad
from RbeeLibrary.session.inference.steady_load import SteadyLoad
from RbeeLibrary.session.programs.programs import Programs
from RbeeLibrary.session.types import Daemon, InferenceState, Mark, ProgramName

VERIFY = Verifier(lambda: 0.0, lambda seconds: None, lambda line: None)


@pytest.fixture
def log(caplog):
    """Reads what keywords have logged, which goes to the module `logging` outside Robot Framework."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(caplog.messages)


@pytest.mark.parametrize("strangers", [0, 2])
def test_clients_whose_requests_are_not_waited_for_are_counted_after_a_step(log, strangers):
    session = SimpleNamespace(
        advance=lambda by, limit: [],
        settings=SimpleNamespace(timeout=lambda given: 10.0),
        real_time=SimpleNamespace(apart=list),
        run=SimpleNamespace(coordinator=SimpleNamespace(strangers=lambda: strangers)),
    )
    TimeKeywords(session).advance_time(timedelta(seconds=5))
    assert "time moved by 5 s, 0 timers fired" in log()
    assert ("2 open connections come from clients outside the run" in log()) == (strangers == 2)


def test_timer_that_nobody_waits_for_and_program_that_nobody_knows_are_told_apart():
    run = SimpleNamespace(
        supervisor=SimpleNamespace(find=lambda name: None, processes=list),
        coordinator=SimpleNamespace(await_timer=lambda program, timer, limit: None, timers=lambda: ["queen sweep"]),
    )
    programs = Programs(run)
    programs.add(Daemon("queen", "queen", "http://127.0.0.1:1", 1, 0))
    keywords = TimeKeywords(SimpleNamespace(run=run, programs=programs, settings=SimpleNamespace(within=lambda given: 0.05)))
    with pytest.raises(AssertionError, match=r"^queen did not wait for token within 0\.05 s; waited for is queen sweep$"):
        keywords.wait_until_timer("queen", "token")
    with pytest.raises(UsageError, match="^there is no 'worker-9', running is queen$"):
        keywords.wait_until_timer("worker-9", "token")


def test_tokens_are_logged_by_the_first_reading_after_the_end(log):
    to = Daemon("worker-1", "worker", "http://127.0.0.1:1", 1, 0)
    inference = Inference(HttpClient(Clock(), "test"), to, "/v1/inference", "/x", {"request_id": "r", "prompt": "p"}, None, 1.0)
    inference.started_at = 1.0
    keywords = InferenceKeywords(SimpleNamespace(verify=VERIFY))
    inference.state = InferenceState.streaming
    keywords.get_token_count(inference)
    assert "<table" not in log()
    inference.state = InferenceState.done
    keywords.get_token_count(inference)
    keywords.get_inference_text(inference)
    assert log().count("<table") == 1
    assert "inference r of worker-1: done, 0 tokens" in log()


def test_requests_from_before_the_mark_are_not_among_the_nearest():
    records = [RequestRecord("worker-1", ns, "GET", path) for ns, path in ((5, "/v1/status"), (15, "/v1/health"))]
    journals = SimpleNamespace(
        requests=lambda wanted, since: [],
        all_requests=lambda since: [record for record in records if since is None or record.ns >= since.ns],
    )
    programs = SimpleNamespace(find=lambda name: Daemon(name, "worker", "http://127.0.0.1:1", 1, 0))
    keywords = JournalKeywords(SimpleNamespace(journals=journals, programs=programs, verify=VERIFY))
    with pytest.raises(AssertionError) as failure:
        keywords.get_request_count("worker-1", "GET", "/v1/status", "==", 1, since=Mark(10))
    first, *nearest = str(failure.value).splitlines()
    assert first.startswith("number of requests worker-1 GET /v1/status is 0, expected == 1 ")
    assert nearest == ["  worker-1 GET /v1/health (path /v1/health instead of /v1/status)"]


def test_reference_of_another_provider_is_refused():
    with pytest.raises(UsageError, match="^reference=hf:org/one is not of provider=file$"):
        StoreKeywords(SimpleNamespace()).get_catalog_count(provider="file", reference="hf:org/one")


def test_name_of_a_program_that_looks_like_an_option_is_explained():
    assert ProgramName.convert("worker-1") == "worker-1"
    with pytest.raises(ValueError, match="^expected letters, digits, '-' and '_': there is no option 'tokn_delay'$"):
        ProgramName.convert("tokn_delay=1s")
    with pytest.raises(ValueError, match="^expected letters, digits, '-' and '_'$"):
        ProgramName.convert("my worker")


def test_load_of_which_nothing_is_said_asks_again_as_a_keeper_does(log, tmp_path):
    plans = []

    def start(name, target, plan):
        plans.append(plan)
        return LocustLoad(name, tmp_path)

    session = SimpleNamespace(
        programs=SimpleNamespace(find=lambda name: Daemon(name, "queen", "http://127.0.0.1:1", 1, 0)),
        inferences=SimpleNamespace(default_node=lambda: "workstation"),
        start=SimpleNamespace(load=start),
    )
    with_plain_defaults(LoadKeywords(session).start_load)()
    assert plans == [LoadPlan(10, rate=0, max_tokens=20, leave_share=0, retries=True, shape="constant", period=10, node="workstation")]
    assert log() == "10 users of load load ask queen"


def test_exit_code_of_a_stopped_program_is_returned_and_logged(log):
    keywords = LifecycleKeywords(SimpleNamespace(start=SimpleNamespace(stop=lambda name, timeout: 3)))
    assert keywords.stop("worker-1") == 3
    assert log() == "worker-1 exited with 3"


@pytest.mark.parametrize(("within", "limit"), [(None, 60.0), (timedelta(seconds=5), 5.0)])
def test_load_that_has_ended_without_a_summary_shows_its_last_lines(tmp_path, within, limit):
    stopped = []
    session = SimpleNamespace(
        start=SimpleNamespace(stop=lambda name, seconds: stopped.append((name, seconds))),
        outputs=SimpleNamespace(last_lines=lambda name: f"last lines of {name}"),
    )
    with pytest.raises(AssertionError, match="^load users wrote no summary; its last lines:\nlast lines of users$"):
        LoadKeywords(session).stop_load(LocustLoad("users", tmp_path), within=within)
    assert stopped == [("users", limit)]


def test_load_that_does_not_end_names_what_goes_on():
    to = Daemon("worker-1", "worker", "http://127.0.0.1:1", 1, 0)
    endless = Inference(HttpClient(Clock(), "test"), to, "/v1/inference", "/x", {"request_id": "r", "prompt": "p"}, None, 1.0)
    submitted = threading.Semaphore(0)
    load = SteadyLoad(lambda: submitted.release() or endless, every=0.001)
    for _ in range(2):
        submitted.acquire()
    with pytest.raises(AssertionError) as failure:
        LoadKeywords(SimpleNamespace(settings=SimpleNamespace(timeout=lambda given: 0.01))).stop_submitting(load)
    assert re.match(rf"(\d+) of \1 inferences of the load have not ended within 0\.01 s: {endless}", str(failure.value))
