"""What is left of a start that failed, and what a program is told that has started."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from RbeeLibrary.faults.base import FaultSpec
from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.programs.launcher import Launcher
from RbeeLibrary.session.programs.launching import Launching
from RbeeLibrary.session.programs.starter import Starter
from RbeeLibrary.session.types import Daemon, State


@dataclass(frozen=True)
class Started:
    name: str


def test_worker_that_a_hive_has_started_in_vain_is_ended_and_no_other_one():
    processes, undone = [Started("hive")], []

    def spawn(name: str, *_: object) -> str:
        processes.extend([Started("worker-2"), Started(name)])  # another start goes on at the same time
        return name

    def await_all(*_: object) -> None:
        raise AssertionError("worker-1 did not reach idle")

    run = SimpleNamespace(supervisor=SimpleNamespace(processes=lambda: list(processes), settle_starts=lambda limit: None))
    launcher = SimpleNamespace(worker_spawns=SimpleNamespace(spawn=spawn), await_all=await_all)
    programs, stopper, nothing = SimpleNamespace(find=str), SimpleNamespace(undo=undone.extend), SimpleNamespace()
    starter = Starter(run, programs, launcher, stopper, nothing, nothing, PendingFaults(), nothing)
    with pytest.raises(AssertionError, match="did not reach idle"):
        starter.worker("worker-1", timeout=5.0)
    assert undone == [Started("worker-1")]


def test_hive_that_starts_is_told_the_faults_that_wait_for_its_workers():
    faults, told = PendingFaults(), []
    faults.add("worker-1", FaultSpec("kill", after_tokens=3))
    supervisor = SimpleNamespace(await_ready=lambda process, deadline: None, control=lambda process, order: told.append((process, order)))
    partitions, nothing = SimpleNamespace(follow=lambda: None), SimpleNamespace()
    launcher = Launcher(SimpleNamespace(supervisor=supervisor), nothing, nothing, nothing, nothing, faults, print, nothing, partitions)
    programs = [Daemon(role, role, f"http://127.0.0.1:{port}", port, port) for role, port in (("queen", 8080), ("hive", 9200))]
    launcher.finish_all([Launching(daemon, Started(daemon.name), is_fake=True) for daemon in programs], State.idle, 0.0)
    order = {"op": "worker-argv", "worker_id": "worker-1", "argv": ["--fault", *faults.of("worker-1")]}
    assert told == [(Started("hive"), order)]
