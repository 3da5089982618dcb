"""The hive itself, without its server."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from RbeeLibrary.fakes.hive.hive import Hive
from RbeeLibrary.fakes.hive.worker_row import WorkerRow
from RbeeLibrary.faults.base import FaultSpec
from RbeeLibrary.fleet.children import Child
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.program_options import HiveOptions


@pytest.fixture
def hive(tmp_path, monkeypatch):
    """A hive whose workers end at once."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which it replaces
    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\nexit 3\n")
    worker.chmod(0o700)
    one = Hive(HiveOptions(port=0, provision="off", worker_binary=str(worker), worker_ports="0", queen_url="http://127.0.0.1:1"), None)
    yield one
    one.listener.close()


def test_fault_lets_a_spawn_fail_before_anything_is_started(hive):
    hive.faults.arm(FaultSpec("spawn-fails"))
    with pytest.raises(RbeeError) as refused:
        hive.spawn_worker(SimpleNamespace(body={"model_ref": "hf:a/b"}))
    assert (refused.value.code, refused.value.message) == ("WORKER_CRASHED", "the worker could not be started, because of a fault")
    assert refused.value.details == {"pid": None, "exit_code": None, "signal": None}


@pytest.mark.parametrize(
    ("facts", "is_watched"),
    [
        ({}, True),
        ({"state": "busy"}, True),
        ({"state": "loading"}, False),
        ({"reason": "shutdown"}, False),
        ({"child": None}, False),
        ({"heard": False}, False),
    ],
    ids=["idle", "busy", "loading", "ending", "of an unknown process", "not heard of"],
)
def test_idle_time_is_watched_of_workers_that_have_loaded_and_are_not_ending(hive, facts, is_watched):
    known = {"state": "idle", "heard": True, "child": Child(77, 8001, -1), **facts}
    hive.workers._rows["worker-1"] = WorkerRow("worker-1", "127.0.0.1", 8001, "mock-model", "cpu", 0, 1, **known)
    assert (hive._next_idle_check() is not None) is is_watched
