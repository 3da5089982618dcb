"""Rules of the likely cause, from records that are written down here: exact sentences, and what is no cause."""

from __future__ import annotations

import pytest

from RbeeLibrary.report.cause import likely_cause
from RbeeLibrary.report.failed_check import FailedCheck, FailedKeyword, Scene
from RbeeLibrary.report.history import ends_its_program, open_ends
from RbeeLibrary.report.nearest_event import nearest_event

MS = 1_000_000
PIDS = {"library": 1, "queen": 10, "hive": 20, "worker-1": 31, "worker-12": 42, "hub": 50, "keeper": 60}
PORTS = {"queen": 8080, "hive": 9200, "worker-1": 8001, "worker-12": 8012, "hub": 7000}


def at(ms: float, name: str, record: str, **fields: object) -> dict:
    return {"ns": int(ms * MS), "name": name, "pid": PIDS[name], "program": f"fake-{name.partition('-')[0]}", "record": record, **fields}


def bound() -> list[dict]:
    return [at(1, name, "bound", port=port) for name, port in PORTS.items()]


def cause(records: list[dict], text: str, when: float = 100, **check: object) -> str:
    return likely_cause(sorted([*bound(), *records], key=lambda one: one["ns"]), FailedCheck(text, int(when * MS), **check))


def exchange(name: str, begins: float, ends: float | None, status: int, path: str = "/v1/inference", request: str = "req-1", **more: object) -> list[dict]:
    """A request to a program, with its answer."""
    number = int(begins * 10)
    method = str(more.pop("method", "POST"))
    caller = str(more.pop("caller", "RbeeLibrary/1"))
    arrival = at(begins, name, "request_in", n=number, method=method, path=path, caller=caller, correlation_id=f"c-{request}", body={"request_id": request})
    answered = at(begins + 0.5, name, "answered", n=number, status=status, request_id=request, **more)
    return [arrival, answered, *([at(ends, name, "request_end", n=number)] if ends is not None else [])]


def sent(name: str, when: float, target: str, path: str, failure: str | None = None, request: str = "req-1") -> list[dict]:
    """A request of a program, with what came of it."""
    number = int(when * 10) + 5000
    out = at(when, name, "request_out", n=number, method="GET", path=path, target=f"127.0.0.1:{PORTS.get(target, 9)}", correlation_id=f"c-{request}")
    return [out, at(when + 0.1, name, "answer_in", n=number, status=None if failure else 200, failure=failure)]


def killed(name: str, when: float) -> list[dict]:
    return [at(when, "library", "signal_sent", to=name, to_pid=PIDS[name], signal="SIGKILL")]


def test_death_of_a_program_that_is_named():
    end = at(91, "hive", "process_exited", worker_id="worker-1", child=31, signal=9)
    records = [*killed("worker-1", 90), end, at(93, "hive", "worker_removed", worker_id="worker-1")]
    said = "worker-1 was killed by SIGKILL by the test, 9.0 ms before the failure; hive removed it 2.0 ms later"
    assert cause(records, "state of worker-1 is gone") == said


def test_death_of_another_program_is_no_cause():
    assert (
        cause(killed("worker-12", 90), "state of worker-1 is idle, expected == busy")
        == "no cause found: nothing in the evidence is wrong with worker-1; worker-1 received no inference"
    )
    assert (
        cause(killed("worker-12", 90), "apples != pears")
        == "no cause found: the message names no program and no request; look at the line of the test that failed"
    )


def test_death_that_comes_after_the_failure_is_no_cause():
    records = [at(150, "hive", "process_exited", worker_id="worker-1", child=31, signal=15)]
    assert cause(records, "state of worker-1 is busy") == "no cause found: nothing in the evidence is wrong with worker-1; worker-1 received no inference"


def test_end_that_is_told_after_the_failure_counts_from_the_fault_that_brought_it():
    records = [at(90, "worker-1", "fault", kind="kill", fault="f"), at(150, "hive", "process_exited", worker_id="worker-1", child=31, signal=9)]
    said = "worker-1 was killed by SIGKILL because of the injected fault kill, 10.0 ms before the failure"
    assert cause(records, "state of worker-1 is busy") == said


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([at(80, "worker-1", "fault", kind="exit", fault="f")], " because of the injected fault exit"),
        ([at(80, "worker-1", "journal_lost", reason="File too large")], " because its journal could not be written (File too large)"),
        ([at(80, "hive", "force_kill", worker_id="worker-1", reason="unhealthy")], " by hive (unhealthy)"),
        (
            [at(70, "library", "signal_sent", to="worker-1", to_pid=31, signal="SIGSTOP"), at(80, "hive", "force_kill", worker_id="worker-1", reason="idle")],
            " by hive (idle) after the test had frozen it",
        ),
        ([], ""),
        ([at(80, "hive", "fault", kind="exit", fault="f")], ""),
    ],
)
def test_reason_of_a_death(fields, why):
    records = [*fields, at(90, "hive", "process_exited", worker_id="worker-1", child=31, exit_code=1)]
    assert cause(records, "worker-1 cannot become idle") == f"worker-1 ended with exit code 1{why}, 10.0 ms before the failure"


def test_frozen_by_the_test_or_by_somebody_else():
    freeze = at(60, "library", "signal_sent", to="hive", to_pid=20, signal="SIGSTOP")
    resume = at(70, "library", "signal_sent", to="hive", to_pid=20, signal="SIGCONT")
    nothing = "no cause found: nothing in the evidence is wrong with hive"
    assert cause([freeze], "state of hive is frozen") == "hive was frozen by the test 40.0 ms before the failure, and still is"
    assert cause([freeze, resume], "state of hive is idle") == nothing
    assert cause([], "state of hive is unreachable", stopped=frozenset({"hive"})) == "hive is stopped by a signal that was not sent through this library"
    assert cause([], "state of hive is unreachable", stopped=frozenset({"queen"})) == nothing


def test_fault_counts_only_for_the_request_that_met_it():
    mine, other = exchange("worker-1", 10, 40, 200), exchange("worker-1", 50, 60, 200, request="req-2")
    hits = [
        at(20, "worker-1", "fault", kind="stall", fault="f", path="/v1/inference"),
        at(21, "worker-1", "fault", kind="stall", fault="f", path="/v1/inference"),
    ]
    said = "the injected fault stall of worker-1 acted on /v1/inference 79.0 ms before the failure, 2 times so far"
    assert cause([*mine, *other, *hits], "state of inference req-1 is broken") == said
    assert cause([*mine, *other, *hits], "text of req-2 is wrong") == "no cause found: nothing in the evidence is wrong with req-2"
    assert cause([*mine, at(20, "worker-1", "fault", kind="delay", fault="f", path="/v1/health")], "req-1 is broken").startswith("no cause found")


def test_last_fault_on_the_way_decides():
    hops = [*exchange("queen", 10, 40, 200, "/v2/tasks"), *exchange("worker-1", 11, 30, 200)]
    hits = [at(20, "worker-1", "fault", kind="break", fault="f"), at(25, "queen", "fault", kind="mend-stream", fault="g", path="/v2/tasks")]
    assert cause([*hops, *hits], "stream of req-1") == "the injected fault mend-stream of queen acted on /v2/tasks 75.0 ms before the failure"


def test_deepest_refusal_is_what_was_said_first():
    worker = exchange("worker-1", 11, 12, 503, code="ALL_SLOTS_BUSY", message="all 1 slots are busy")
    hops = [*exchange("queen", 10, 13, 503, "/v2/tasks", code="ALL_SLOTS_BUSY", message="passed on"), *worker]
    assert cause(hops, "req-1 is refused") == "worker-1 answered POST /v1/inference with 503 ALL_SLOTS_BUSY (all 1 slots are busy), 88.5 ms before the failure"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.3", "localhost", "[::1]"])
def test_program_is_known_by_its_address_too(host):
    """The message of another library, which has never heard of the hive."""
    asked = exchange("hive", 10, 11, 500, "/v1/models/download", code="INTERNAL", message="a bug", caller="python-requests/2.32")
    said = "hive answered POST /v1/models/download with 500 INTERNAL (a bug), 89.5 ms before the failure"
    assert cause(asked, f"Url: http://{host}:9200/v1/models/download Expected status: 500 != 200") == said
    arguments = (f"http://{host}:9200/v1/models/download", "json=${body}")
    assert cause(asked, "error != complete", keyword=FailedKeyword("POST", arguments, "models.resource, line 3")) == said
    assert "names no program" in cause(asked, f"Url: http://{host}:92001/ Expected status: 500 != 200"), "another port"
    assert "names no program" in cause(asked, "Url: http://192.168.1.2:9200/ Expected status: 500 != 200"), "another machine"


def test_stream_that_an_error_of_its_program_has_ended():
    said = "the program met an error of its own, see its output: TypeError in fakes/worker/token_events.py, line 62"
    found = at(20, "worker-1", "off_contract", method="POST", path="/v1/inference", status=200, problem=said)
    other = at(30, "worker-12", "off_contract", method="POST", path="/v1/inference", status=200, problem=said)
    broken = exchange("worker-1", 10, 21, 200)
    assert cause([*broken, found, other], "inference req-1 is broken") == f"worker-1: {said}, 80.0 ms before the failure"
    assert cause([*broken, other], "inference req-1 is broken") == "no cause found: nothing in the evidence is wrong with req-1"


def test_background_job_of_another_program_that_failed():
    """What it should have done is missed elsewhere."""
    failed = at(20, "hive", "own_error", thread="relay-ready", problem="the program met an error of its own, see its output: KeyError")
    asked = exchange("queen", 10, 11, 200, "/v2/workers/list", method="GET")
    said = "hive: the program met an error of its own, see its output: KeyError, 80.0 ms before the failure"
    assert cause([*asked, failed], "number of workers listed by queen is 0, expected == 1") == said
    assert cause([*asked, failed], "state of hive is unreachable") == said


def test_refusal_of_a_program_counts_unless_it_is_usual():
    own = exchange("queen", 10, 11, 404, "/v2/workers/shutdown", code="WORKER_NOT_FOUND", message="no such worker")
    usual = exchange("queen", 20, 21, 404, "/v2/workers/removed", caller="fake-hive/0.1")
    probe = exchange("queen", 30, 31, 404, "/v2/health", method="GET")
    said = "queen answered POST /v2/workers/shutdown with 404 WORKER_NOT_FOUND (no such worker), 89.5 ms before the failure"
    assert cause([*own, *usual, *probe], "number of workers of queen") == said
    assert cause([*usual, *probe], "number of workers of queen") == "no cause found: nothing in the evidence is wrong with queen"


def test_request_without_an_answer_names_target_reason_and_what_happened_to_it():
    tries = [record for when in (20, 30, 40) for record in sent("queen", when, "hive", "/v1/workers/list", "Connection refused")]
    records = [*exchange("queen", 10, 50, 504, "/v2/tasks", code="CONNECTION_TIMEOUT"), *tries]
    said = "3 requests of queen, GET /v1/workers/list, were refused by hive at 127.0.0.1:9200"
    assert cause(records, "req-1 is refused") == f"{said}, 59.9 ms before the failure"
    assert cause([*records, *killed("hive", 5)], "req-1 is refused") == f"{said}; hive was killed by SIGKILL by the test, 95.0 ms before the failure"
    assert cause(records[:-2], "req-1 is refused").startswith("2 requests of queen, GET /v1/workers/list, were refused by hive")
    assert cause(records[:-4], "req-1 is refused").startswith("a request of queen, GET /v1/workers/list, was refused by hive")


def test_address_where_nobody_of_the_run_listens_comes_after_what_was_said():
    tries = sent("queen", 20, "nobody", "/v1/health", "Connection refused")
    said = exchange("queen", 10, 50, 503, "/v2/tasks", code="SSH_TIMEOUT", message="Connection timeout")
    assert cause([*said, *tries], "req-1 is refused").startswith("queen answered POST /v2/tasks with 503 SSH_TIMEOUT")
    expected = "a request of queen, GET /v1/health, was refused by nobody of this run at 127.0.0.1:9, 79.9 ms before the failure"
    assert cause(tries, "state of queen") == expected


def test_download_names_attempts_reason_and_fault_of_the_hub():
    failed = [at(when, "hive", "download_failed", model_ref="hf:a/b", reason="the checksum is wrong") for when in (20, 30)]
    hits = [at(when, "hub", "fault", kind=kind, fault=kind) for when, kind in ((16, "corrupt"), (21, "delay"), (26, "corrupt"))]
    hub = [*sent("hive", 15, "hub", "/a/b"), *hits]
    said = "2 attempts of hive to download hf:a/b failed: the checksum is wrong"
    assert cause([*failed, *hub], "catalog of hive") == f"{said} (the injected fault corrupt of hub acted, 2 times so far)"
    assert cause(failed, "error != complete") == said


def test_slow_stream_and_one_that_has_not_begun():
    open_stream = exchange("worker-1", 10, None, 200)
    tokens = [at(when, "worker-1", "token", request_id="req-1", index=number) for number, when in enumerate((20, 220, 420))]
    said = "worker-1 is still answering POST /v1/inference: it has sent 3 tokens, one every 200.0 ms, the last one 80.0 ms before the failure"
    assert cause([*open_stream, *tokens], "req-1 is streaming", when=500) == said
    assert cause(open_stream, "req-1 is streaming") == "worker-1 has begun to answer POST /v1/inference, but has sent no token yet"


def test_what_a_command_said_comes_with_its_end():
    records = [at(90, "library", "process_exited", role="keeper", child=60, exit_code=1)]
    said = {"keeper": "ERROR: NODE_NOT_FOUND: node 'atlantis'"}
    assert cause(records, "1 != 0", said=said) == "keeper ended with exit code 1, 10.0 ms before the failure: ERROR: NODE_NOT_FOUND: node 'atlantis'"


def test_removal_and_signal_by_the_test():
    removed = at(70, "queen", "worker_removed", worker_id="worker-1", reason="no heartbeat")
    term = at(60, "library", "signal_sent", to="worker-1", to_pid=31, signal="SIGTERM")
    assert cause([removed], "number of workers of queen is 0") == "queen removed worker-1 (no heartbeat), 30.0 ms before the failure"
    assert cause([term, removed], "worker-1 cannot become idle") == "worker-1 got SIGTERM from the test, 40.0 ms before the failure"


@pytest.mark.parametrize(("kind", "how"), [("cancelled", "it was cancelled"), ("client_gone", "its client left")])
def test_cancelled_request(kind, how):
    records = [*exchange("worker-1", 10, 40, 200), at(30, "worker-1", kind, request_id="req-1")]
    assert cause(records, "req-1 is cancelled") == f"worker-1 stopped answering the request because {how}, 70.0 ms before the failure"


def test_missed_health_checks_and_callbacks():
    miss = at(50, "hive", "health_miss", worker_id="worker-1", misses=2)
    callback = at(60, "worker-1", "callback_failed", target="http://127.0.0.1:9", reason="Connection refused")
    assert cause([miss], "state of worker-1") == "worker-1 missed 2 health checks of hive"
    assert cause([callback], "state of worker-1") == "a ready callback of worker-1 to http://127.0.0.1:9 failed: Connection refused"
    assert cause([callback], "number of workers is 0") == "a ready callback of worker-1 to http://127.0.0.1:9 failed: Connection refused"


def test_parents_and_targets_are_suspects_only_for_what_stops_them():
    started = at(5, "hive", "process_started", worker_id="worker-1", child=31)
    refusal = exchange("hive", 20, 21, 500, "/v1/workers/spawn")
    assert (
        cause([started, *refusal], "state of worker-1 is idle")
        == "no cause found: nothing in the evidence is wrong with worker-1; worker-1 received no inference"
    )
    assert cause([started, *killed("hive", 50)], "state of worker-1 is idle") == "hive was killed by SIGKILL by the test, 50.0 ms before the failure"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("worker-12 before worker-1", ["worker-12", "worker-1"]),
        ("worker-123 and my-worker-1", []),
        ("hive's worker-1.", ["hive", "worker-1"]),
        ("", []),
    ],
)
def test_names_are_whole_words_in_the_order_of_the_text(text, names):
    assert FailedCheck(text, 0).mentioned(["worker-1", "worker-12", "hive", ""]) == names


def test_nearest_event_is_the_last_one_of_a_named_program():
    records = [
        at(10, "worker-1", "state", to="idle"),
        at(20, "worker-12", "state", to="busy"),
        *exchange("worker-1", 30, 31, 200),
        at(150, "worker-1", "state", to="gone"),
    ]
    assert nearest_event(records, FailedCheck("state of worker-1", 100 * MS)) == "worker-1 answered POST /v1/inference with 200, 69.5 ms before the failure"
    assert nearest_event(records, FailedCheck("state of worker-12", 100 * MS)) == "worker-12 became busy, 80.0 ms before the failure"
    assert nearest_event(records, FailedCheck("apples", 100 * MS)) is None


def test_program_is_known_by_its_port():
    scene = Scene(bound(), FailedCheck("", 100 * MS))
    assert scene.program_at("127.0.0.1:9200") == "hive"
    assert scene.program_at("127.0.0.1:9") == scene.program_at("localhost") == ""


def test_death_during_the_request_is_its_cause_and_an_earlier_one_is_not():
    hop = exchange("worker-1", 20, 40, 200)
    assert cause([*hop, *killed("worker-1", 30)], "req-1 is broken") == "worker-1 was killed by SIGKILL by the test, 70.0 ms before the failure"
    unended = exchange("worker-1", 20, None, 200)
    assert cause([*unended, *killed("worker-1", 30)], "req-1 is broken") == "worker-1 was killed by SIGKILL by the test, 70.0 ms before the failure"


def test_fault_at_the_very_moment_of_the_request_counts():
    hits = [
        at(10, "worker-1", "fault", kind="stall", fault="f", path="/v1/inference"),
        at(40, "worker-1", "fault", kind="stall", fault="f", path="/v1/inference"),
    ]
    for hit in hits:
        assert cause([*exchange("worker-1", 10, 40, 200), hit], "req-1 is broken").startswith("the injected fault stall of worker-1 acted on /v1/inference")


def test_hive_that_a_queen_has_started_over_ssh_is_its_child():
    started = at(5, "queen", "process_started", node="workstation", child=PIDS["hive"])
    assert cause([started, *killed("hive", 50)], "number of workers of queen") == "hive was killed by SIGKILL by the test, 50.0 ms before the failure"


@pytest.mark.parametrize(
    ("record", "ends"),
    [
        ({"record": "fault", "kind": "kill"}, True),
        ({"record": "fault", "kind": "exit-on-request"}, True),
        ({"record": "fault", "kind": "stall"}, False),
        ({"record": "fault_armed", "kind": "kill"}, False),
    ],
)
def test_hit_of_a_fault_that_ends_its_program(record, ends):
    assert ends_its_program(record) is ends


def test_programs_that_are_bound_to_end_are_open_until_somebody_reports_it():
    hit = at(50, "worker-1", "fault", kind="kill", fault="f")
    end = at(60, "hive", "process_exited", worker_id="worker-1", child=31, signal=9)
    removed = at(61, "hive", "worker_removed", worker_id="worker-1")
    assert open_ends([hit]) == open_ends([hit, end]) == ["worker-1"]
    assert open_ends([hit, end, removed]) == []
    assert open_ends([*killed("hive", 50), at(60, "library", "process_exited", role="hive", child=20, signal=9)]) == []
    assert open_ends([at(50, "worker-1", "fault", kind="stall", fault="f")]) == []


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM"])
def test_end_of_a_program_that_was_started_again_is_no_cause(signal):
    sent_to = at(50, "library", "signal_sent", to="hive", to_pid=20, signal=signal)
    again = at(60, "hive", "bound", port=9200)
    assert cause([sent_to, again], "state of hive is idle") == "no cause found: nothing in the evidence is wrong with hive"
    for own in ([sent_to], [at(50, "hive", "bound", port=9200), sent_to]):
        assert " the test, 50.0 ms before the failure" in cause(own, "state of hive is idle")


def test_refused_inference_names_those_that_held_the_slots():
    other = exchange("worker-1", 10, None, 200, request="req-first")
    over = exchange("worker-1", 5, 9, 200, request="req-over")
    refused = exchange("worker-1", 20, 21, 503, request="req-2", code="ALL_SLOTS_BUSY")
    said = "worker-1 answered POST /v1/inference with 503 ALL_SLOTS_BUSY, 79.5 ms before the failure; it was answering req-first then"
    assert cause([*other, *over, *refused], "state of inference req-2 is refused") == said


def test_broken_rule_is_explained_by_faults_in_their_order_not_only_by_the_end_of_another_program():
    hops = [*exchange("queen", 10, 40, 200, "/v2/tasks"), *exchange("worker-1", 12, None, 200), *killed("worker-1", 20)]
    fault = at(21, "queen", "fault", kind="mend-stream", fault="mend-stream", path="/v2/tasks")
    text = "truncated as complete: queen passed the truncated stream of req-1 on as complete"
    chain = (
        "worker-1 was killed by SIGKILL by the test, 80.0 ms before the failure; then the injected fault mend-stream of queen acted on /v2/tasks "
        "79.0 ms before the failure"
    )
    assert cause([*hops, fault], f"the fleet misbehaved, findings: 1\n{text}") == chain
    assert cause([*hops, fault], "state of inference req-1 is broken").startswith("worker-1 was killed by SIGKILL by the test")


def test_cancelled_inference_names_who_cancelled_it():
    answer = exchange("worker-1", 10, 30, 200)
    cancelled = at(25, "worker-1", "cancelled", n=100, request_id="req-1")
    delete = exchange("worker-1", 24, 26, 204, "/v1/inference/req-1", request="", method="DELETE", caller="fake-queen")
    another = exchange("worker-1", 24.5, 26, 204, "/v1/inference/req-2", request="", method="DELETE", caller="fake-hive")
    said = "worker-1 stopped answering the request because it was cancelled{}, 75.0 ms before the failure"
    text = "state of inference req-1 is cancelled"
    assert cause([*answer, cancelled, *another], text) == said.format("")
    assert cause([*answer, cancelled, *delete, *another], text) == said.format(" by a DELETE of fake-queen")


def test_removed_worker_says_what_kept_it_from_its_heartbeats():
    removed = at(90, "queen", "worker_removed", worker_id="worker-1", reason="no heartbeat")
    frozen = at(50, "library", "signal_sent", to="worker-1", to_pid=31, signal="SIGSTOP")
    removal = "queen removed worker-1 (no heartbeat)"
    text = "number of workers listed by queen is 0"
    assert cause([removed], text) == f"{removal}, 10.0 ms before the failure"
    still = "worker-1 was frozen by the test 50.0 ms before the failure, and still is"
    assert cause([removed, frozen], text) == f"{still}; then {removal}, 10.0 ms before the failure"
    hits = [at(when, "worker-1", "fault", kind="lost-heartbeat", fault="f") for when in (60, 70, 95)]
    step = {**at(96, "library", "clock_step", by=300.0), "began_ns": 55 * MS}
    lost = "the injected fault lost-heartbeat of worker-1 acted 30.0 ms before the failure, 2 times so far"
    assert cause([removed, *hits, step], text) == f"{lost}; then {removal}, while the test moved the clock by 300 s, 10.0 ms before the failure"


def test_time_of_the_run_s_clock_is_called_so():
    request, answer = sent("hive", 50, "worker-1", "/v1/health", "no answer within 5 s")
    said = "a request of hive, GET /v1/health, got no answer from worker-1 at 127.0.0.1:8001: no answer within 5 s{}, 49.9 ms before the failure"
    assert cause([request, answer], "workers of hive") == said.format("")
    moved = [{**request, "clock": 1.0}, {**answer, "clock": 6.0}]
    assert cause(moved, "workers of hive") == said.format(" of the run's clock, 0.1 ms of real time")
    hardly = [{**request, "clock": 0.0}, {**answer, "clock": 0.1002}]  # twice as fast, and 100 ms that nobody notices
    assert cause(hardly, "workers of hive") == said.format("")


def test_failure_without_a_name_shows_its_line():
    keyword = FailedKeyword("Should Be Equal", ("apples", "p" * 100), "fruit.robot, line 7")
    said = f"no cause found: the message names no program and no request; look at fruit.robot, line 7: Should Be Equal    apples    {'p' * 60}"
    assert cause([], "apples != pears", keyword=keyword) == said


def test_arguments_of_the_failed_keyword_name_programs_too():
    assert cause(killed("worker-1", 90), "1 != 0", keyword=FailedKeyword("Get State", ("worker-1",))).startswith("worker-1 was killed by SIGKILL")


@pytest.mark.parametrize("text", ["the library failed: KeyError in clock/clock.py, line 1: 'worker-1'", "Setup failed:\nthe library failed: TypeError"])
def test_error_of_the_library_is_blamed_on_no_program(text):
    killed = at(50, "library", "signal_sent", to="worker-1", to_pid=31, signal="SIGKILL")
    assert cause([killed], text) == "a bug of RbeeLibrary, not of the programs: please report it with this message and the trace"
    assert "bug of RbeeLibrary" not in cause([killed], "worker-1 said that the library failed")
