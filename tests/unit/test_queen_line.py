"""What a hive tells its queen: each message whole, and what it does with the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.errors import NotConnected
from RbeeLibrary.fakes.hive.queen_line import QueenLine
from RbeeLibrary.fakes.hive.worker_row import WorkerRow
from RbeeLibrary.protocol.program_options import HiveOptions
from RbeeLibrary.run.exit_status import ExitStatus

READY = {
    "worker_id": "worker-1",
    "url": "http://127.0.0.1:8001",
    "model_ref": "hf:org/model",
    "state": "idle",
    "backend": "cuda",
    "device": 1,
    "slots_total": 4,
    "slots_available": 3,
    "node": "workstation",
}
REGISTRATION = {
    "worker_id": "worker-1",
    "url": "http://127.0.0.1:8001",
    "model_ref": "hf:org/model",
    "backend": "cuda",
    "device": 1,
    "slots_total": 4,
    "node_name": "workstation",
}
REMOVED = {"worker_id": "worker-1", "reason": "crashed", "pid": 77, "exit_code": None, "signal": 9}


class Hive:
    """A hive whose queen answers as a function of the path says; None is a connection that nobody took."""

    def __init__(self, answers: Callable[[str], int | None], url: str = "http://127.0.0.1:8080/", silent: bool = False):
        self.sent: list[tuple[str, str, Any, Any]] = []
        self.logged: list[str] = []
        self._answers = answers
        self.client = SimpleNamespace(call=self._call)
        self.clock = Clock(None)
        self.faults = SimpleNamespace(find=lambda kind: kind if silent and kind == "silent-removal" else None)
        self.log = self.logged.append
        self.line = QueenLine(self, HiveOptions(queen_url=url, node_name="workstation", notice_timeout=2.5))

    def spawn(self, work: Callable[..., None], *args: Any, name: str) -> Any:
        work(*args)
        return SimpleNamespace(done=SimpleNamespace(is_set=lambda: True), join=lambda limit: None)

    def _call(self, method: str, url: str, body: Any, *, limit: float, headers: Any) -> Any:
        assert limit == 2.5
        self.sent.append((method, url.removeprefix("http://127.0.0.1:8080"), body, headers))
        status = self._answers(url)
        if status is None:
            raise NotConnected("nobody listens")
        return SimpleNamespace(status=status, ok=status < 400)


def row() -> WorkerRow:
    child = SimpleNamespace(pid=77, status=ExitStatus(-9))
    return WorkerRow("worker-1", "127.0.0.1", 8001, "hf:org/model", "cuda", 1, 4, state="idle", slots_available=3, child=child)


def test_ready_worker_is_reported_once():
    hive = Hive(lambda url: 200)
    hive.line.relay_ready(row())
    assert hive.sent == [("POST", "/v2/workers/ready", READY, {"X-Rbee-Relay": "hive"})]
    assert hive.logged == []


@pytest.mark.parametrize("status", [404, 500])
def test_queen_that_takes_no_callback_gets_a_registration(status):
    hive = Hive(lambda url: status if url.endswith("/ready") else 200)
    hive.line.relay_ready(row())
    assert hive.sent[1:] == [("POST", "/v2/workers/register", REGISTRATION, None)]
    assert hive.logged == [f"queen answered /v2/workers/ready with {status}"]


@pytest.mark.parametrize("status", [400, 401, 503, None])
def test_other_refusals_are_no_reason_to_register(status):
    hive = Hive(lambda url: status)
    hive.line.relay_ready(row())
    assert len(hive.sent) == 1


def test_unreachable_queen_is_logged():
    hive = Hive(lambda url: None)
    assert hive.line.send("/v2/workers/ready", {}) is None
    assert hive.logged == ["POST /v2/workers/ready to the queen failed: nobody listens"]


def test_heartbeat_is_passed_on_and_an_unknown_worker_registered_again():
    hive = Hive(lambda url: 404 if url.endswith("/heartbeat") else 200)
    hive.line.relay_heartbeat(row(), "2026-01-01T00:00:00Z")
    assert [(method, path) for method, path, _, _ in hive.sent] == [("POST", "/v1/workers/worker-1/heartbeat"), ("POST", "/v2/workers/ready")]
    assert hive.sent[0][2] == {"timestamp": "2026-01-01T00:00:00Z"}
    known = Hive(lambda url: 200)
    known.line.relay_heartbeat(row(), "now")
    assert len(known.sent) == 1


def test_end_of_a_worker_is_told_again_until_the_queen_hears_of_it():
    answers = iter([None, None, 200])
    hive = Hive(lambda url: next(answers))
    hive.line.removed(row(), "crashed")
    for _ in range(4):
        hive.line.tell_again()
    assert hive.sent == [("POST", "/v2/workers/removed", REMOVED, None)] * 3


def test_end_that_the_queen_refused_is_not_told_again():
    """It knows the worker no more: the worker has reported its own end."""
    hive = Hive(lambda url: 404)
    hive.line.removed(row(), "exited")
    hive.line.tell_again()
    assert len(hive.sent) == 1
    assert hive.logged == []


def test_worker_that_was_removed_is_not_reported_as_ready():
    """Neither late, nor because the queen does not know it when its last heartbeat comes."""
    hive = Hive(lambda url: 404 if url.endswith("/heartbeat") else 200)
    gone = row()
    hive.line.removed(gone, "crashed")
    hive.line.relay_ready(gone)
    hive.line.relay_heartbeat(gone, "now")
    assert [path for _, path, _, _ in hive.sent] == ["/v2/workers/removed", "/v1/workers/worker-1/heartbeat"]


def test_end_of_a_worker_waits_for_the_report_that_is_under_way():
    sent, answer = threading.Event(), threading.Event()

    def slow(url: str) -> int:
        if url.endswith("/ready"):
            sent.set()
            assert answer.wait(5)
        return 200

    hive, short_lived = Hive(slow), row()
    ready = threading.Thread(target=hive.line.relay_ready, args=(short_lived,))
    ready.start()
    assert sent.wait(5)
    end = threading.Thread(target=hive.line.removed, args=(short_lived, "crashed"))
    end.start()
    end.join(0.1)
    assert [path for _, path, _, _ in hive.sent] == ["/v2/workers/ready"]
    answer.set()
    end.join(5)
    ready.join(5)
    assert [path for _, path, _, _ in hive.sent] == ["/v2/workers/ready", "/v2/workers/removed"]


def test_worker_that_came_back_is_not_reported_as_gone():
    answers = iter([None, 200, 200])
    hive = Hive(lambda url: next(answers))
    hive.line.removed(row(), "crashed")
    hive.line.relay_ready(row())
    hive.line.tell_again()
    assert [path for _, path, _, _ in hive.sent] == ["/v2/workers/removed", "/v2/workers/ready"]


def test_silent_removal_tells_nothing():
    hive = Hive(lambda url: 200, silent=True)
    hive.line.removed(row(), "crashed")
    hive.line.tell_again()
    assert hive.sent == []


def test_hive_without_a_queen_tells_nobody():
    hive = Hive(lambda url: 200, url="")
    hive.line.relay_ready(row())
    hive.line.removed(row(), "crashed")
    hive.line.tell_again()
    assert hive.sent == []
