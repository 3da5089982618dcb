"""Whose word counts for the end of a process: its parent's, or the process table's."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from RbeeLibrary.fleet import kernel
from RbeeLibrary.session.programs.stopper import Stopper


def parent(*, alive: bool = True, frozen: bool = False, is_real: bool = False) -> SimpleNamespace:
    return SimpleNamespace(pid=1, alive=alive, frozen=frozen, program=SimpleNamespace(is_real=is_real))


@pytest.mark.parametrize(
    ("of_whom", "waited"),
    [
        ([parent()], True),
        ([parent(frozen=True)], False),
        ([parent(is_real=True)], False),
        ([parent(alive=False)], False),
        ([], False),
    ],
    ids=["running", "frozen", "real", "dead", "none"],
)
def test_running_parent_is_waited_for_because_it_forgets_its_child_before_it_reports(monkeypatch, of_whom, waited):
    asked: list[float] = []
    supervisor = SimpleNamespace(processes=lambda: of_whom, await_exit=lambda process, limit: asked.append(limit) or 7, note_end=lambda process, code: None)
    monkeypatch.setattr(kernel, "zombie_code", lambda pid: 0)
    stopper = Stopper.__new__(Stopper)
    stopper._run = SimpleNamespace(supervisor=supervisor)
    code = stopper._code_of_the_dead(SimpleNamespace(pid=2, ppid=1, signals={}), time.monotonic() + 5)
    assert (code, bool(asked)) == ((7, True) if waited else (0, False))
