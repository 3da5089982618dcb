"""The queen itself, without its server: its sweep, its relays, and tasks that it cannot give to a worker."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from test_download_attempts import answer, hub
from test_rbee_client import HIVE, IDLE, LIST, Fleet, error

from RbeeLibrary.errors import NoAnswer
from RbeeLibrary.fakes.queen.queen import Queen
from RbeeLibrary.fakes.queen.tasks import Task, answer_of_a_worker
from RbeeLibrary.fakes.queen.worker_registry import QueenRow
from RbeeLibrary.fakes.rbee_client import FoundWorker, Wanted
from RbeeLibrary.fakes.runtime.event_stream import EventStream
from RbeeLibrary.faults.base import FaultSpec
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.program_options import QueenOptions
from RbeeLibrary.protocol.schema.messages import NodeRegistration
from RbeeLibrary.protocol.units import Duration

WORKER = "http://127.0.0.1:8001"
OTHER = "http://127.0.0.1:8002"


@pytest.fixture
def queen(tmp_path, monkeypatch):
    """A queen to which every heartbeat is too old."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which it replaces
    monkeypatch.delenv("MOCK_SSH", raising=False)
    options = QueenOptions(port=0, database=str(tmp_path / "beehives.db"), no_hive_start=True, connect_delays="0", heartbeat_timeout=Duration(0))
    one = Queen(options, None)
    yield one
    one.listener.close()


def register(queen: Queen, worker_id: str) -> None:
    queen._registry.put(QueenRow(worker_id, "alpha", "idle", "m", WORKER, "cpu", 0, 1, 1))
    queen._registry.heartbeat(worker_id, None)


def request(queen: Queen, **body: Any) -> Any:
    recorder = SimpleNamespace(request_id=None)
    return SimpleNamespace(body=body, headers={}, stream=EventStream(queen.clock, 15), recorder=recorder)


def lines(queen: Queen) -> list[str]:
    """What it has logged, without the times."""
    return [line.partition(" ")[2] for line in queen.log_lines]


@pytest.mark.parametrize(("delay", "pause"), [(None, 1.0), (0.25, 0.25)])
def test_slow_sweep_pauses_before_each_worker(queen, monkeypatch, delay, pause):
    paused = []
    monkeypatch.setattr(queen.clock, "pause", lambda seconds, name: paused.append((seconds, name)))
    queen.faults.arm(FaultSpec("slow-sweep", delay=delay))
    register(queen, "worker-1")
    register(queen, "worker-2")
    queen._sweep()
    assert paused == [(pause, "slow-sweep")] * 2
    assert queen._registry.rows() == []


def test_end_of_the_request_of_a_stale_worker_removes_it_and_says_why(queen):
    register(queen, "worker-1")
    asked = request(queen)
    stream = SimpleNamespace(status=200, headers={}, chunks=lambda: iter([]), cut=lambda: None, close=lambda: None)
    queen._relay(asked, Task("req-1"), FoundWorker("worker-1", WORKER), stream)
    queen._sweep()
    assert [row.state for row in queen._registry.rows()] == ["stale-but-busy"]
    asked.stream.close()
    assert queen._registry.rows() == []
    assert lines(queen)[-1] == "worker worker-1 was removed: no heartbeat, and its request has ended"


def test_task_is_refused_while_the_queen_ends(queen):
    queen.drain()
    with pytest.raises(RbeeError) as refused:
        queen.task(request(queen, node="alpha", model="mock-model", prompt="x"))
    assert (refused.value.code, refused.value.message) == ("SHUTTING_DOWN", "the queen is shutting down")


def test_node_whose_hive_was_not_reached_is_marked_and_not_asked_to_end(queen):
    nodes = queen._hives._nodes
    nodes.put(NodeRegistration("alpha", "alpha.example", "vince", "https://example.org/rbee.git", "/opt/rbee"), 1_700_000_000)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        queen._hives.place("alpha", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(RbeeError) as refused:
            queen.task(request(queen, node="alpha", model="mock-model", prompt="x"))
        queen.drain()
    assert refused.value.code == "CONNECTION_TIMEOUT"
    assert (nodes.find("alpha")["status"], nodes.find("alpha")["last_error"]) == ("unreachable", refused.value.message)
    assert lines(queen) == []


def asked_in_turn(answer: Any) -> tuple[Fleet, Task, list[str]]:
    """A task whose worker gives this answer, while another one would stream."""
    row = {**IDLE, "worker_id": "w-2", "url": OTHER}
    fleet = Fleet({LIST: {"workers": [IDLE, row]}, "POST /v1/inference": answer, f"POST {OTHER}/v1/inference": b"data: [DONE]\n\n"})
    task = Task("req-1")
    task.worker = FoundWorker("w", WORKER)
    return fleet, task, []


def test_task_of_a_worker_that_is_not_ready_any_more_goes_to_another_one(queen):
    fleet, task, logged = asked_in_turn((503, error("WORKER_NOT_READY", "no")))
    stream = answer_of_a_worker(fleet.client, task, HIVE, Wanted("m"), {"request_id": "req-1"}, queen._registry, logged.append)
    assert (stream.status, task.worker) == (200, FoundWorker("w-2", OTHER))
    assert logged == ["worker w takes no requests any more: w-2 is asked"]


def test_task_of_a_busy_worker_goes_to_nobody_else(queen):
    fleet, task, logged = asked_in_turn((503, error("ALL_SLOTS_BUSY", "no")))
    with pytest.raises(RbeeError) as refused:
        answer_of_a_worker(fleet.client, task, HIVE, Wanted("m"), {"request_id": "req-1"}, queen._registry, logged.append)
    assert refused.value.envelope() == error("ALL_SLOTS_BUSY", "no")
    assert fleet.requests() == ["POST /v1/inference"]
    assert logged == []


@pytest.mark.parametrize(("reason", "expected"), [("shutdown", FoundWorker("w-2", OTHER)), ("crashed", FoundWorker("w", WORKER))])
def test_task_goes_on_to_another_worker_if_the_first_one_has_ended_gracefully_and_not_if_it_has_crashed(queen, reason, expected):
    fleet, task, logged = asked_in_turn(NoAnswer("Connection reset by peer"))
    register(queen, "w")
    queen.worker_removed(request(queen, worker_id="w", reason=reason))
    with contextlib.nullcontext() if reason == "shutdown" else pytest.raises(RbeeError, match="did not answer the inference: Connection reset by peer"):
        answer_of_a_worker(fleet.client, task, HIVE, Wanted("m"), {"request_id": "req-1"}, queen._registry, logged.append)
    assert task.worker == expected


def test_worker_that_has_come_back_has_not_left(queen):
    register(queen, "w")
    queen.worker_removed(request(queen, worker_id="w", reason="shutdown"))
    assert queen._registry.has_left("w")
    register(queen, "w")
    assert not queen._registry.has_left("w")


def test_worker_that_has_agreed_to_end_is_draining(queen):
    with hub(answer(200, b"{}")) as worker:
        queen._registry.put(QueenRow("worker-1", "alpha", "idle", "m", worker.url, "cpu", 0, 1, 1))
        answered = queen.shutdown_worker(request(queen, worker_id="worker-1"))
    assert answered == {"success": True, "message": "worker worker-1 is shutting down"}
    assert queen._registry.row("worker-1").state == "draining"


@pytest.mark.parametrize(("headers", "version"), [({"X-Rbee-Version": "0.0.9"}, "0.0.9"), ({}, QueenOptions().report_version)])
def test_hive_is_told_the_version_of_the_keeper_or_else_that_of_the_queen(queen, headers, version):
    asked = request(queen)
    asked.headers = headers
    assert queen._client_for(asked, Task("req-1"))._version == version
