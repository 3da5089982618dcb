"""The log of a failed test names the likely cause, in one sentence."""

from __future__ import annotations

import html
import re

import pytest
from running import ROOT, robot

CAUSES = {
    "Killed By A Fault": r"worker-1 was killed by SIGKILL because of the fault kill, .* before the failure; hive removed it .* later",
    "Killed By The Test": r"worker-1 was killed by SIGKILL by the test, .* before the failure; hive removed it .* later",
    "Exit While Loading": r"worker-1 ended with exit code 3 because of the fault exit, .*; hive removed it .* later",
    "Frozen Hive": r"hive is frozen since .* before the failure",
    "Error Of A Fault": r"the fault status of queen acted on /v2/tasks .* before the failure",
    "Busy Worker": r"worker-1 answered POST /v1/inference with 503, .* before the failure",
    "Worker That Ignored Its Shutdown": r"worker-1 was killed by SIGKILL because of the fault ignore-shutdown, .*",
    "Callback That Nobody Took": r"a ready callback of worker-1 to .* failed: .*",
    "Hub That Broke Off": r"the fault cut of hub acted on /TheBloke/.* before the failure",
    "Hive Of Another Version": r"queen answered POST /v2/tasks with 409, .* before the failure",
}


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    return robot(tmp_path_factory.mktemp("causes"), str(ROOT / "tests/data/failing_suites/causes.robot")).tests()


def messages(test) -> list[str]:
    """What stands under a test, whole."""
    return [str(item.message) for item in test.body if item.type == item.MESSAGE]


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_named(tests, name):
    assert tests[name].status == "FAIL"
    shown = next(text for text in messages(tests[name]) if "<b>Failed:</b>" in text)
    found = re.search(r"<b>Likely cause:</b> (.*?)</p>", shown)
    assert found is not None, shown[:600]
    assert re.fullmatch(CAUSES[name], html.unescape(found[1])), found[1]


@pytest.mark.parametrize("name", CAUSES)
def test_message_ends_with_the_cause(tests, name):
    first, *more = tests[name].message.splitlines()
    assert len(more) <= 4
    assert re.fullmatch(f"likely cause: {CAUSES[name]}", more[-1]), tests[name].message


def test_verdict_sets_apart_what_was_expected(tests):
    shown = "".join(messages(tests["Killed By A Fault"]))
    assert re.search(r"<b>Expected:</b> state of inference req-\w+ of worker-1 == done</p><p><b>There was:</b> is broken</p>", shown)
    assert re.search(r"<b>Nearest:</b> (worker-1 ended with SIGKILL|the fault kill of worker-1 acted), .* before the failure</p>", shown)


def test_evidence_shows_requests_faults_and_views(tests):
    shown = "".join(messages(tests["Killed By A Fault"]))
    assert re.search(r"<summary>last requests</summary>.*?>worker-1</td><td [^>]*>POST /v1/inference</td><td [^>]*>200</td>", shown)
    assert re.search(r"<summary>faults and their hits</summary>.*?>worker-1</td><td [^>]*>kill:id=fault-\d+,after_tokens=12</td><td [^>]*>1</td>", shown)
    views = r"<summary>states by point of view, at the end of the test</summary>.*?>worker-1</td><td [^>]*>is gone</td><td [^>]*>unlisted</td>"
    assert re.search(views, shown)
    assert re.search(r"<summary>process tree</summary>.*?fake-hive --port", shown)


@pytest.mark.parametrize("name", CAUSES)
def test_timeline_is_open(tests, name):
    assert any(text.startswith("<details class='rbee-timeline' open>") for text in messages(tests[name]))
