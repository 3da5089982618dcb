"""Tables of the evidence of a failed test."""

from __future__ import annotations

from RbeeLibrary.report.evidence_tables import ProgramEvidence, Verdict, difference, evidence_table, faults_and_hits, last_requests


def program(name: str, **changed: object) -> ProgramEvidence:
    values = {
        "role": "worker",
        "pid": 4711,
        "parent": "hive",
        "state": "idle",
        "exit_code": "",
        "port": "8001",
        "command": "mock-worker --port 8001",
        "output": "ok",
    }
    return ProgramEvidence(name=name, **{**values, **changed})


def test_every_program_has_a_row_and_its_last_output():
    html = evidence_table("Get State", [program("worker-1"), program("worker-2", exit_code="-9", output="")])
    assert html.startswith("<p><b>The fleet when <i>Get State</i> failed</b></p><table")
    assert html.count("<tr>") == 2
    for cell in ("worker-1", "worker", "4711", "hive", "idle", "8001", "-9"):
        assert f">{cell}</td>" in html
    first, second = html.split("<details>")[1:]
    assert first.startswith("<summary>last output of worker-1</summary>")
    assert "<code>mock-worker --port 8001</code>" in first
    assert ">ok</pre>" in first
    assert ">(it printed nothing)</pre>" in second


def test_what_programs_printed_is_no_markup():
    html = evidence_table("<x>", [program("worker-1", output="<b>&", command="sh -c 'a < b'")])
    assert "<b>&" not in html.split("<details>")[1]
    assert ">&lt;b&gt;&amp;</pre>" in html
    assert "<i>&lt;x&gt;</i>" in html


def test_armed_faults_have_their_hits():
    records = [
        {"record": "fault_armed", "name": "worker-1", "fault": "fault-1", "spec": "kill"},
        {"record": "fault_armed", "name": "worker-2", "fault": "fault-1", "spec": "stall"},
        {"record": "fault", "name": "worker-1", "fault": "fault-1"},
        {"record": "fault", "name": "worker-1", "fault": "fault-1"},
    ]
    assert faults_and_hits(records) == [["worker-1", "kill", "2"], ["worker-2", "stall", "0"]]


def test_message_of_a_teardown_is_whole():
    html = Verdict("Teardown failed:\nnumber of workers is 2, expected == 1", None, "nothing").as_html()
    assert "Teardown failed:<br>number of workers is 2, expected == 1" in html
    assert "<b>Expected:</b> number of workers == 1" in html
    assert "<b>There was:</b> 2" in html


def test_difference_of_long_texts_is_marked():
    assert difference("short", "shirt") == ""
    same = "the same long text of forty characters!!"
    assert difference(same, same) == ""
    html = difference("one two three four five six <seven>", "one two three vier five six <seven> eight")
    assert "<del>" in html
    assert "<del>fou</del><ins>vie</ins>" in html
    assert "<ins> eight</ins>" in html
    assert "&lt;seven&gt;" in html
    verdict = Verdict("text of the answer is one two three four five, expected == one two three four six (after 2.0 s)", None, None)
    assert "<b>Difference:</b> <code>one two three four <del>" in verdict.as_html()


def test_long_equal_parts_of_a_difference_are_left_out():
    html = difference("a" + "x" * 500, "b" + "x" * 500)
    assert len(html) < 400
    assert " ... " in html


def test_requests_that_nobody_received_are_among_the_last_ones():
    common = {"n": 1, "method": "POST", "path": "/v1/workers/ready", "correlation_id": "c"}
    out = {"record": "request_out", "name": "worker-1", "pid": 12, "ns": 10_000_000, "target": "127.0.0.1:9", **common}
    reply = {"record": "answer_in", "name": "worker-1", "pid": 12, "ns": 11_000_000, "n": 1, "failure": "Connection refused"}
    heard = {"record": "request_in", "name": "hive", "pid": 11, "ns": 5_000_000, "caller": "fake-queen", **common, "correlation_id": "d"}
    late = {**heard, "ns": 50_000_000, "correlation_id": "e"}
    assert last_requests([heard, out, reply, late], 20_000_000) == [
        ["10.0 ms before", "127.0.0.1:9", "POST /v1/workers/ready", "no answer: Connection refused", "worker-1"],
        ["15.0 ms before", "hive", "POST /v1/workers/ready", "none yet", "fake-queen"],
    ]
