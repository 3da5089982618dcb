"""What hives are asked when a test starts a worker, and for how long."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.errors import HttpFailure
from RbeeLibrary.protocol.model.model_reference import CATALOG_MODEL
from RbeeLibrary.protocol.profiles import profile_of
from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.programs.worker_spawns import WorkerSpawns
from RbeeLibrary.session.real.real_hive import RealHive
from RbeeLibrary.session.types import Daemon


class Hives:
    """Programs of a run whose hives answer no request, or start a worker with process 31."""

    def __init__(self, *, answers: bool = True) -> None:
        self.asked: list[dict[str, Any]] = []
        self.limits: list[float] = []
        self._answers = answers

    def check_free(self, name: str) -> None:
        pass

    def ask(self, hive: Daemon, method: str, path: str, body: dict[str, Any], *, limit: float) -> SimpleNamespace:
        self.asked.append(json.loads(json.dumps(body)))
        self.limits.append(limit)
        if not self._answers:
            raise HttpFailure("no answer")
        return SimpleNamespace(ok=True, object=lambda: {"url": "http://127.0.0.1:8001", "worker_id": "w-1"})

    def add(self, daemon: Daemon) -> Daemon:
        return daemon


def spawns(hives: Hives) -> WorkerSpawns:
    worker = SimpleNamespace(pid=31, alive=True)
    supervisor = SimpleNamespace(await_change=lambda condition, deadline: None, find=lambda name: worker, adopt=lambda *_: None)
    return WorkerSpawns(SimpleNamespace(supervisor=supervisor), hives, SimpleNamespace(), PendingFaults(), lambda hive: "fake")


def test_real_hive_is_asked_for_a_worker_on_the_cpu_unless_the_test_says_otherwise(tmp_path: Path):
    (tmp_path / "rbee-hive").touch()
    surroundings = RealHive(tmp_path / "home")
    surroundings.install(str(tmp_path / "rbee-hive"), None)
    hives = Hives()
    asking = spawns(hives)
    asking.note_real_hive("hive", surroundings)
    hive = Daemon("hive", "hive", "http://127.0.0.1:9200", 9200, 20, profile=profile_of("hive", "rbee-hive"))
    worker = asking.spawn("worker-1", hive, {}, {}, time.monotonic() + 5)
    asking.spawn("worker-2", hive, {}, {"backend": "cuda", "device": 1, "slots": 2}, time.monotonic() + 5)
    assert (worker.name, worker.worker_id, worker.pid) == ("worker-1", "w-1", 31)
    assert hives.asked == [
        {"model_ref": CATALOG_MODEL, "backend": "cpu", "device": 0, "model_path": ""},
        {"model_ref": CATALOG_MODEL, "backend": "cuda", "device": 1, "model_path": ""},
    ]


def test_hive_that_is_asked_when_the_time_for_a_start_is_over_gets_a_moment_only():
    hives = Hives(answers=False)
    hive = Daemon("hive", "hive", "http://127.0.0.1:9200", 9200, 20)
    with pytest.raises(AssertionError, match="^worker 'worker-1' could not be started: hive did not answer the spawn request: no answer$"):
        spawns(hives).spawn("worker-1", hive, {}, {}, time.monotonic() - 5)
    assert hives.limits == [0.1]
