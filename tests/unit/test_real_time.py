"""When the clock of a run goes on: real programs sleep, and their recorders have passed on what they have sent."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.coordinator import FiredTimer
from RbeeLibrary.errors import ControlFailed, NotAtRest
from RbeeLibrary.session.real import real_time
from RbeeLibrary.session.real.real_time import RealTime

LIMIT = 10.0


@pytest.fixture
def with_recorder(tmp_path, monkeypatch):
    """Makes the clock of a run with one sleeping program; `ask` is what its recorder answers."""
    monkeypatch.setattr(real_time, "find_library", lambda: "/lib/libfaketime.so.1")
    with subprocess.Popen(["sleep", "60"]) as sleeper:

        def make(ask, advance=lambda by, limit: []):
            supervisor = SimpleNamespace(control=lambda process, order: ask())
            clock = SimpleNamespace(now=lambda: 0.0, wall=time.time)
            coordinator = SimpleNamespace(clock=clock, rate=0.0, advance=advance, watching=contextlib.nullcontext)
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


def test_clock_of_the_run_moves_by_steps_of_a_second_each_with_the_whole_limit(with_recorder):
    steps = []

    def advance(by, limit):
        steps.append((by, limit))
        return []

    with_recorder(lambda: False, advance).advance(2.5, 10.0)
    assert steps == [(1.0, 10.0), (1.0, 10.0), (0.5, 10.0)]


@pytest.mark.skipif(sys.platform != "linux", reason="programs can be preloaded on Linux only")
def test_library_of_a_python_package_is_found_where_the_system_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(real_time, "_PLACES", (f"{tmp_path}/nowhere/*",))
    monkeypatch.syspath_prepend(tmp_path)
    library = tmp_path / "libfaketime/vendor/libfaketimeMT.so.1"
    library.parent.mkdir(parents=True)
    (tmp_path / "libfaketime/__init__.py").touch()
    assert real_time.find_library() is None
    library.touch()
    assert real_time.find_library() == str(library)


def test_timer_that_fires_on_what_a_real_program_has_said_is_dated_at_the_end_of_the_step(with_recorder, tmp_path):
    fired = []

    def ask():
        if not fired:
            with open(tmp_path / "queen.jsonl", "a") as journal:
                journal.write("{}\n")
        return False

    def advance(by, limit):
        if by or fired:
            return []
        fired.append(FiredTimer("hive", "health", 0.0))
        return fired

    assert with_recorder(ask, advance).advance(0.12345678, 10.0) == [FiredTimer("hive", "health", 0.123457)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the states of threads")
def test_program_that_cannot_be_stopped_is_waited_for_no_longer_than_the_limit(monkeypatch):
    monkeypatch.setattr(real_time, "_STOP_LIMIT", 0.01)
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it stays in the process table, and never is in the state of a stopped one
        waiting = threading.Thread(target=real_time._poke, args=([ended.pid],), daemon=True)
        waiting.start()
        waiting.join(LIMIT)
    assert not waiting.is_alive()
