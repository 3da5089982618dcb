"""The log of a failed test names the likely cause, in one sentence."""

from __future__ import annotations

import html
import re

from running import ROOT, robot

AGO = r"[\d.]+ m?s"
BEFORE = rf"{AGO} before the failure"
CAUSES = {
    "Killed By A Fault": rf"worker-1 was killed by SIGKILL because of the injected fault kill, {BEFORE}; hive removed it {AGO} later",
    "Killed By The Test": rf"worker-1 was killed by SIGKILL by the test, {BEFORE}; hive removed it {AGO} later",
    "Exit While Loading": rf"worker-1 ended with exit code 3 because of the injected fault exit, {BEFORE}; hive removed it {AGO} later",
    "Frozen Hive": rf"hive was frozen by the test {BEFORE}, and still is",
    "Error Of A Fault": rf"the injected fault status of queen acted on /v2/tasks {BEFORE}",
    "Busy Worker": rf"worker-1 answered POST /v1/inference with 503 ALL_SLOTS_BUSY \(all 1 slots are busy\), {BEFORE}; it was answering req-\w+ then",
    "Worker That Ignored Its Shutdown": r"worker-1 was killed by SIGKILL because of the injected fault ignore-shutdown, .*",
    "Callback That Nobody Took": r"a ready callback of worker-1 to http://127\.0\.0\.1:\d+/v2/workers/ready failed: Connection refused",
    "Hub That Broke Off": r"an attempt of hive to download hf:TheBloke/\S+ failed: Connection reset by peer \(the injected fault cut of hub acted\)",
    "Hive Of Another Version": rf"queen answered POST /v2/tasks with 409 VERSION_MISMATCH \(keeper is v\S+, hive is v0\.2\.0: .*\), {BEFORE}",
}
OF_REQUESTS = {
    "Frozen Worker On The Way": rf"worker-1 was frozen by the test {BEFORE}, and still is",
    "Merely Slow Worker": rf"worker-1 is still answering POST /v1/inference: it has sent \d+ tokens, one every {AGO}, the last one {BEFORE}",
    "Stalled Stream": rf"the injected fault stall of worker-1 acted on /v1/inference {BEFORE}",
    "Token That Was Left Out": rf"the injected fault skip-token of worker-1 acted on /v1/inference {BEFORE}",
    "Error Event In The Stream": rf"the injected fault error-event of worker-1 acted on /v1/inference {BEFORE}",
    "Second Worker Died": rf"the injected fault reset of worker-2 acted on /v1/inference {BEFORE}",
    "Wrong Key": rf"worker-1 answered POST /v1/inference with 401 INVALID_API_KEY \(the API key is missing or wrong: .*\), {BEFORE}",
    "Unknown Node": rf"queen answered POST /v2/tasks with 404 NODE_NOT_FOUND \(node 'atlantis' is not in the registry; .*\), {BEFORE}",
    "Worker That Loads": rf"worker-1 answered POST /v1/inference with 503 WORKER_NOT_READY \(the worker is loading\), {BEFORE}",
    "Dead Hive": r"3 requests of queen, GET /v1/workers/list, were refused by hive at \S+; hive was killed by SIGKILL by the test, .*",
    "Hive That Refuses": r"3 requests of queen, GET /v1/workers/list, were refused by hive at \S+; the injected fault refuse of hive acted .*",
    "Dead Queen": rf"queen was killed by SIGKILL by the test, {BEFORE}",
    "Broken Ssh": rf"queen answered POST /v2/tasks with 503 SSH_TIMEOUT \(workstation\.home\.arpa: Connection timeout\), {BEFORE}; "
    r"ssh ended with exit code 255, as the test chose for node workstation \(ssh=timeout\)",
    "Checksum That Is Always Wrong": r"6 attempts of hive to download \S+ failed: the checksum is wrong \(the injected fault corrupt of "
    r"hub acted, 6 times so far\)",
    "Download That Failed": r"2 attempts of hive to download \S+ failed: Connection reset by peer \(the injected fault cut of hub acted, 2 times so far\)",
    "Unknown Model": rf"hub answered GET /api/models/NonExistent/FakeModel with 404 NOT_FOUND \(.*\), {BEFORE}",
    "Mended Stream": rf"the injected fault break of worker-1 acted on /v1/inference {BEFORE}; then "
    rf"the injected fault mend-stream of queen acted on /v2/tasks {BEFORE}",
    "Cancelled By The Client": rf"worker-1 stopped answering the request because it was cancelled by a DELETE of the test, {BEFORE}",
}
OF_PROGRAMS = {
    "Apples And Pears": r"no cause found: the message names no program and no request; look at causes_of_programs\.robot, line \d+: "
    r"Should Be Equal    apples    pears",
    "Worker Twelve Beside Worker One": r"no cause found: nothing in the evidence is wrong with worker-1; worker-1 received no inference",
    "Frozen By An Outsider": r"worker-1 is stopped by a signal that was not sent through this library",
    "Killed By An Outsider": rf"worker-1 was killed by SIGKILL, which no keyword and no program of this run sent, {BEFORE}; hive removed it {AGO} later",
    "Terminated By The Test": rf"worker-1 got SIGTERM from the test, {BEFORE}",
    "Idle For Too Long": rf"hive removed worker-1 \(idle\), while the test moved the clock by 360 s, {BEFORE}",
    "Removed For Want Of Heartbeats": rf"the injected fault lost-heartbeat of loner acted {BEFORE}, \d+ times so far; then "
    rf"queen removed loner \(no heartbeat\), while the test moved the clock by 300 s, {BEFORE}",
    "Frozen Worker Is Given Up By Its Hive": rf"3 requests of hive, GET /v1/health, got no answer from worker-1 at \S+: no answer within 5 s "
    rf"of the run's clock, {AGO} of real time; "
    r"worker-1 was killed by SIGKILL by hive \(unhealthy\) after the test had frozen it, .*",
    "Lost Callback": rf"the injected fault lost-callback of worker-1 acted on /v\d/workers/ready and /v\d/workers/ready {BEFORE}, 2 times so far",
    "Exit On Request": rf"worker-1 ended with exit code 4 because of the injected fault exit-on-request, {BEFORE}; hive removed it {AGO} later",
    "Robot Gives Up Waiting": rf"hive was frozen by the test {BEFORE}, and still is",
    "Keeper Without A Queen": rf"keeper ended with exit code 1, {BEFORE}: ERROR: CONNECTION_TIMEOUT: 127\.0\.0\.1:9 could not be reached, .*",
    "Keeper That Does Not Know The Node": rf"keeper ended with exit code 1, {BEFORE}: ERROR: NODE_NOT_FOUND: node 'atlantis' is not in the registry; .*",
    "Worker That Could Not Start": rf"worker-1 was killed by SIGKILL because of the injected fault kill-at-start, {BEFORE}; hive removed it {AGO} later",
    "Wrong Count Of Requests": r"no cause found: nothing in the evidence is wrong with worker-1(, hive and queen| and hive); worker-1 received no inference",
    "Text That Is Wrong": r"no cause found: the message names no program and no request; look at causes_of_programs\.robot, line \d+: "
    r"Should Be Equal    .*",
}
SUITES = {"causes": CAUSES, "causes_of_requests": OF_REQUESTS, "causes_of_programs": OF_PROGRAMS}


def test_forty_kinds_of_failures_are_explained(tmp_path):
    """One test, because each process of pytest would run the suites again."""
    found = {}
    for suite in SUITES:
        folder = tmp_path / suite
        folder.mkdir()
        found.update(robot(folder, str(ROOT / f"tests/data/failing_suites/{suite}.robot")).tests())
    expected = {name: cause for causes in SUITES.values() for name, cause in causes.items()}
    assert len(expected) >= 40
    assert set(found) == set(expected)
    said = {name: (found[name].message.rpartition("likely cause: ")[2].partition("\ntrace: ")[0], cause) for name, cause in expected.items()}
    assert {name: pair for name, pair in said.items() if not re.fullmatch(pair[1], pair[0])} == {}
    for name, test in found.items():
        assert test.status == "FAIL"
        assert "\ntrace: " in test.message, name
        _assert_log_has_the_cause(messages(test), expected[name])
    _assert_verdict_and_tables("".join(messages(found["Killed By A Fault"])))
    unexplained = "".join(messages(found["Worker Twelve Beside Worker One"]))
    assert re.search(r"<b>Nearest:</b> worker-1 became idle, [\d.]+ m?s before the failure</p>", unexplained)
    slow = "".join(messages(found["Merely Slow Worker"]))
    assert re.search(r"inference req-\w+ of queen: streaming when the test ended, \d+ tokens", slow), "a stream that has not ended is not cancelled"


def messages(test) -> list[str]:
    """What stands under a test, whole."""
    return [str(item.message) for item in test.body if item.type == item.MESSAGE]


def _assert_log_has_the_cause(shown: list[str], cause: str) -> None:
    verdict = next(text for text in shown if "<b>Failed:</b>" in text)
    found = re.search(r"<b>Likely cause:</b> (.*?)</p>", verdict)
    assert found is not None, verdict[:600]
    assert re.fullmatch(cause, html.unescape(found[1])), found[1]
    assert any(text.startswith("<details class='rbee-timeline' open>") for text in shown)


def _assert_verdict_and_tables(shown: str) -> None:
    assert re.search(r"<b>Expected:</b> state of inference req-\w+ of worker-1 == done</p><p[^>]*><b>There was:</b> broken</p>", shown)
    assert "<b>Nearest:</b>" not in shown, "it would say less than the cause"
    assert re.search(r"<summary>last requests</summary>.*?>worker-1</td><td [^>]*>POST /v1/inference</td><td [^>]*>200</td>", shown)
    assert re.search(r"<summary>faults and their hits</summary>.*?>worker-1</td><td [^>]*>kill:id=fault-\d+,after_tokens=12</td><td [^>]*>1</td>", shown)
    views = r"<summary>states by point of view, at the end of the test</summary>.*?>worker-1</td><td [^>]*>is gone</td><td [^>]*>unlisted</td>"
    assert re.search(views, shown)
    assert re.search(r"<summary>process tree</summary>.*?fake-hive --port", shown)
