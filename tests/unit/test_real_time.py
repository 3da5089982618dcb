"""When the clock of a run goes on: real programs sleep, and their recorders have passed on what they have sent."""

from __future__ import annotations

import contextlib
import subprocess
import time
from types import SimpleNamespace

import pytest

from RbeeLibrary.errors import ControlFailed, NotAtRest
from RbeeLibrary.session.real import real_time
from RbeeLibrary.session.real.real_time import RealTime


@pytest.fixture
def with_recorder(tmp_path, monkeypatch):
    """Makes the clock of a run with one sleeping program; `ask` is what its recorder answers."""
    monkeypatch.setattr(real_time, "find_library", lambda: "/lib/libfaketime.so.1")
    with subprocess.Popen(["sleep", "60"]) as sleeper:

        def make(ask):
            supervisor = SimpleNamespace(control=lambda process, order: ask())
            clock = SimpleNamespace(now=lambda: 0.0, wall=time.time)
            coordinator = SimpleNamespace(clock=clock, rate=0.0, advance=lambda by, limit: [], watching=contextlib.nullcontext)
            run = SimpleNamespace(supervisor=supervisor, coordinator=coordinator, scratch=lambda name: tmp_path)
            programs = SimpleNamespace(process_or_none=lambda name: SimpleNamespace(pid=sleeper.pid, alive=True, frozen=False))
            clocks = RealTime(run, programs)
            clocks.environment("queen")
            clocks.joined("queen", sleeper.pid, tmp_path / "queen.jsonl", "queen-recorder")
            return clocks

        yield make
        sleeper.kill()


def test_time_goes_on_when_the_recorder_has_passed_everything_on(with_recorder):
    answers = iter([True, True])
    assert with_recorder(lambda: next(answers, False)).advance(1.0, 10.0) == []
    assert list(answers) == []


def test_time_does_not_wait_for_a_recorder_that_has_ended(with_recorder):
    def ask():
        raise ControlFailed("queen-recorder has ended")

    assert with_recorder(ask).advance(1.0, 10.0) == []


def test_program_that_does_not_come_to_rest_is_named(with_recorder):
    with pytest.raises(NotAtRest, match="^a real program is at work: queen$"):
        with_recorder(lambda: True).advance(1.0, 0.0)
