"""Tables of the evidence of a failed test."""

from __future__ import annotations

from RbeeLibrary.report.evidence_tables import ProgramEvidence, evidence_table, faults_and_hits


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
    assert "<pre>ok</pre>" in first
    assert "<pre>(it printed nothing)</pre>" in second


def test_what_programs_printed_is_no_markup():
    html = evidence_table("<x>", [program("worker-1", output="<b>&", command="sh -c 'a < b'")])
    assert "<b>&" not in html.split("<details>")[1]
    assert "<pre>&lt;b&gt;&amp;</pre>" in html
    assert "<i>&lt;x&gt;</i>" in html


def test_armed_faults_have_their_hits():
    records = [
        {"record": "fault_armed", "name": "worker-1", "fault": "fault-1", "spec": "kill"},
        {"record": "fault_armed", "name": "worker-2", "fault": "fault-1", "spec": "stall"},
        {"record": "fault", "name": "worker-1", "fault": "fault-1"},
        {"record": "fault", "name": "worker-1", "fault": "fault-1"},
    ]
    assert faults_and_hits(records) == [["worker-1", "kill", "2"], ["worker-2", "stall", "0"]]
