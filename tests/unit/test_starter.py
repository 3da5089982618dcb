"""What is left of a start that failed."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.programs.starter import Starter


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
