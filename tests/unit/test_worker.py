"""A worker in this process: its slots and its jobs."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from RbeeLibrary.fakes.runtime.event_stream import EventStream
from RbeeLibrary.fakes.runtime.http_app import Request
from RbeeLibrary.fakes.worker.worker import Worker
from RbeeLibrary.protocol import sse
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import WorkerOptions
from RbeeLibrary.run import environment
from RbeeLibrary.run.tcp_ports import listen

LIMIT = 10.0


@pytest.fixture
def start(monkeypatch):
    """Makes a worker with these words of its command line, which does not serve yet."""
    monkeypatch.setenv(environment.NAME, "w")
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with listen("127.0.0.1", 0) as listener:
        yield lambda *words: Worker(parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w", *words], {}), listener)


def asked(worker: Worker, **body) -> Request:
    return Request("POST", "/v1/inference", body, {}, {}, EventStream(worker.clock, LIMIT), SimpleNamespace(request_id=None))


def test_slot_is_free_before_the_end_marker_is_sent(start):
    worker = start()
    worker.prepare()
    request = asked(worker, prompt="hello", max_tokens=2)
    free = [(event == sse.DONE, worker.status(request)["slots_available"]) for event in worker.inference(request).body]
    assert free == [(False, 0), (False, 0), (True, 1)]


def test_loading_is_a_job_of_that_name(start):
    worker = start("--load-time", "1ms", "--layers", "1")
    worker.prepare()
    with worker._slots:
        worker.started()
        assert "load" in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(("seconds", "drain"), [(None, "30s"), (5, "5s"), (600, "30s")])
def test_shutdown_request_may_shorten_the_time_that_running_requests_have(start, seconds, drain):
    worker = start("--drain", "30s")
    assert worker.shutdown(asked(worker, timeout_seconds=seconds)).status == 202
    assert str(worker.options.drain) == drain


def test_worker_that_was_told_to_end_drains_at_once_and_takes_no_requests(start):
    worker = start()
    worker.prepare()
    worker.shutdown(asked(worker))
    assert worker.state == "draining"
    with pytest.raises(RbeeError):
        worker.inference(asked(worker, prompt="hello"))


def test_end_has_to_wait_for_running_requests_and_for_the_queen_only(start):
    idle, busy, known_to_a_queen = start(), start(), start("--queen-url", "http://127.0.0.1:1")
    busy.prepare()
    busy.inference(asked(busy, prompt="hello"))
    assert [worker.stop_taking_work() for worker in (idle, busy, known_to_a_queen)] == [False, True, True]
    assert busy.state == "draining"


def test_worker_is_ready_in_the_state_that_it_is_in(start):
    worker = start()
    worker.prepare()
    request = asked(worker, prompt="hello")
    assert worker.ready(request) == {"ready": True, "state": "idle", "model_loaded": True}
    worker.inference(request)
    assert worker.ready(request) == {"ready": True, "state": "busy", "model_loaded": True}
