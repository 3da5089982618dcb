"""Ready callbacks of a worker, to a queen that is a few lines long."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace

import pytest
from serving import Handler, served

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.program import Job
from RbeeLibrary.fakes.worker.callbacks import Callbacks
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.protocol.program_options import WorkerOptions
from RbeeLibrary.protocol.schema.messages import ReadyCallback
from RbeeLibrary.protocol.units import Duration

PAYLOAD = ReadyCallback("worker-1", "http://127.0.0.1:8001", "mock-model", "idle", "cpu", 0, 1, 1)


class _Queen(Handler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(int(self.path.partition("/")[2].partition("/")[0]))


@pytest.fixture
def queen():
    """Its URL; the first part of the path is the status with which it answers."""
    with served(_Queen) as url:
        yield url


@pytest.fixture
def worker():
    """What callbacks need of their worker: records and lines of the log are in lists."""
    records, lines, clock = [], [], Clock()
    return SimpleNamespace(
        clock=clock,
        client=HttpClient(clock, "fake-worker"),
        journal=SimpleNamespace(record=lambda kind, **fields: records.append((kind, fields))),
        faults=SimpleNamespace(find=lambda kind, context=None: None),
        spawn=lambda job, *args, name: Job(clock, job, args, name),
        log=lines.append,
        records=records,
        lines=lines,
    )


def announce(worker, queen: str, **options) -> None:
    for job in Callbacks(worker, WorkerOptions(queen_url=queen, heartbeat=Duration(0), **options), lambda: PAYLOAD).announce_ready():
        job.join()


def test_callback_was_sent_if_its_receiver_accepts_it(worker, queen):
    announce(worker, f"{queen}/201")
    assert worker.records == [("callback_sent", {"target": f"{queen}/201/v2/workers/ready", "attempt": 1, "status": 201})]
    assert worker.lines == []


def test_callback_that_its_receiver_refuses_has_failed(worker, queen):
    announce(worker, f"{queen}/409")
    target = f"{queen}/409/v2/workers/ready"
    assert worker.records == [("callback_failed", {"target": target, "attempt": 1, "reason": "status 409"})]
    assert worker.lines == [f"ready callback to {target} failed: status 409"]


def test_delay_of_a_callback_comes_before_it(worker, queen):
    armed = queue.SimpleQueue()
    worker.clock.when_armed = lambda: armed.put(worker.clock.next_timer())
    sender = threading.Thread(target=announce, args=(worker, f"{queen}/200"), kwargs={"callback_delay": Duration(3600)}, daemon=True)
    sender.start()
    delay = armed.get(timeout=10)
    assert (delay.name, worker.records) == ("callback-delay", [])
    worker.clock.fire(delay.number)
    sender.join(10)
    assert [kind for kind, _ in worker.records] == ["callback_sent"]
