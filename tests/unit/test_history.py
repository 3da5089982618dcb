"""Records of a fleet put together: who sent a request, because of which one, and under which id its first client knows it."""

from __future__ import annotations

import pytest

from RbeeLibrary.report.history import History, role_of
from RbeeLibrary.report.rules.fleet_rules import misbehaviour
from RbeeLibrary.session.run import OWN_JOURNAL

MS = 1_000_000


def received(pid: int, n: int, at: int, path: str, *, program: str = "fake-worker", peer: int = 0, request_id: str = "", caller: str = "x") -> list[dict]:
    common = {"pid": pid, "n": n, "name": program, "program": program}
    arrival = {
        "record": "request_in",
        "ns": at * MS,
        "method": "POST",
        "path": path,
        "peer": peer,
        "caller": caller,
        "correlation_id": "c",
        "body": {},
        **common,
    }
    return [arrival, {"record": "answered", "ns": at * MS + 1, "status": 200, "request_id": request_id, **common}]


def sent(n: int, at: int, *, cause: int, port: int = 5000, path: str = "/v1/inference") -> dict:
    return {
        "record": "request_out",
        "ns": at * MS,
        "pid": 10,
        "n": n,
        "name": "queen",
        "program": "real-queen",
        "method": "POST",
        "path": path,
        "port": port,
        "cause": cause,
    }


TASKS = [
    *received(10, 1, 10, "/v2/tasks", program="real-queen", request_id="req-a"),
    *received(10, 2, 11, "/v2/tasks", program="real-queen", request_id="req-b"),
]
INFERENCE = received(30, 7, 20, "/v1/inference", peer=5000, request_id="job-1")


def test_cause_of_a_real_programs_request_is_known_by_its_connection():
    history = History([*TASKS, sent(3, 19, cause=2), *INFERENCE])
    inference = history.inferences()[0]
    cause = history.cause(inference)
    assert cause is not None
    assert cause.request_id == "req-b"
    assert history.request_of(inference) == "req-b"
    assert history.sender(inference) == ("queen", "queen")


def test_cause_that_was_corrected_counts():
    corrected = {"record": "cause", "ns": 21 * MS, "pid": 10, "n": 3, "name": "queen", "program": "real-queen", "cause": 1}
    history = History([*TASKS, sent(3, 19, cause=2), *INFERENCE, corrected])
    assert history.request_of(history.inferences()[0]) == "req-a"


def test_request_over_another_connection_or_later_is_not_the_source():
    for other in (sent(3, 19, cause=2, port=5001), sent(3, 25, cause=2), sent(3, 19, cause=2, path="/v1/ready")):
        history = History(sorted([*TASKS, other, *INFERENCE], key=lambda record: record["ns"]))
        inference = history.inferences()[0]
        assert history.cause(inference) is None
        assert history.request_of(inference) == "job-1"
        assert history.sender(inference) == ("", "x")


def test_fake_sender_is_known_by_its_name():
    history = History(received(30, 7, 20, "/v1/inference", caller="fake-queen/0.1"))
    assert history.sender(history.inferences()[0]) == ("queen", "fake-queen/0.1")


@pytest.mark.parametrize(("program", "role"), [("fake-queen", "queen"), ("real-queen", "queen"), ("mock-worker", "worker"), (OWN_JOURNAL, "")])
def test_role_of_a_record_is_that_of_its_program_and_the_library_has_none(program, role):
    assert role_of({"program": program}) == role


def test_programs_that_the_test_hurt():
    signals = [
        {"record": "signal_sent", "ns": 1, "pid": 1, "name": "library", "to_pid": pid, "signal": signal}
        for pid, signal in ((30, "SIGKILL"), (31, "SIGSTOP"), (32, "SIGTERM"))
    ]
    undone = {"record": "start_undone", "ns": 2, "pid": 1, "name": "library", "pids": [40]}
    assert History([*signals, undone]).hurt == {30, 31, 40}


def test_end_of_a_process():
    crash = {"record": "process_exited", "ns": 5, "pid": 20, "name": "hive", "child": 30, "worker_id": "worker-1", "signal": 9}
    exited = {"record": "process_exited", "ns": 6, "pid": 1, "name": "library", "child": 20, "role": "hive", "exit_code": 3}
    history = History([crash, exited])
    assert (history.end(30).name, history.end(30).exit_code) == ("worker-1", -9)
    assert (history.end(20).name, history.end(20).exit_code) == ("hive", 3)
    assert history.end(99) is None


def test_each_cancellation_is_looked_at():
    """The first one is of a request that was answered; only the second one was not passed on."""

    def task(pid: int, n: int, at: int, path: str, method: str, program: str, **answer) -> list[dict]:
        arrival, answered = received(pid, n, at, path, program=program)
        return [{**arrival, "method": method, "body": answer.pop("body", {})}, {**answered, **answer}]

    records = [
        *task(10, 1, 5, "/v2/tasks/req-old", "DELETE", "fake-queen"),
        *task(30, 1, 10, "/v1/inference", "POST", "fake-worker", request_id="req-new"),
        *task(10, 2, 20, "/v2/tasks/gone", "DELETE", "fake-queen", status=404),
        *task(10, 3, 30, "/v2/tasks/req-new", "DELETE", "fake-queen"),
    ]
    assert [finding.text for finding in misbehaviour(History(records))] == ["fake-queen took the cancellation of req-new and did not pass it on to fake-worker"]
