"""Moves the clocks of real programs with that of the run, by libfaketime (contract 15, 17)."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import time
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from ...clock.coordinator import FiredTimer
from ...errors import ControlFailed, NotAtRest
from ...fleet.supervisor import Process
from ..programs.programs import Programs
from ..run import Run
from .stillness import are_all, are_still, pause

_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")
_SHARED_MEMORY = Path("/dev/shm")
_STEP = 1.0
"""Seconds of the clock that a real program is moved by at once: its own timers are not known."""
_STOP_LIMIT = 2.0
_LOOK = 0.0002
_WIDTH = 40
_POKES = 2
"""A thread that is just about to wait does not notice the first one."""
_NUDGE = 0.00101
"""Seconds that each setting of a clock adds: programs round their limits up to whole milliseconds, and what they begin at one moment has to be over exactly
300 s later. So such a clock gains a thousandth."""


@dataclass
class _Clock:
    """The clock of one real program: the file that libfaketime reads, and where both clocks were at its start."""

    file: Path
    journal: Path = Path("/nowhere")
    recorder: str = ""
    pid: int = 0
    began: float = 0.0
    virtual: float = 0.0
    ahead: float = 0.0
    writes: int = 0
    read: int = 0

    def said(self) -> int:
        """How much the recorder has written. The size of the file does not tell: empty lines are the room for further ones."""
        with contextlib.suppress(FileNotFoundError), open(self.journal, "rb") as journal:
            journal.seek(self.read)
            self.read += len(journal.read().rstrip(b"\n"))
        return self.read

    def remove_shared_memory(self) -> None:
        """Removes what libfaketime leaves of a program that was killed; a later program with its pid would not start."""
        for name in (f"faketime_shm_{self.pid}", f"sem.faketime_sem_{self.pid}"):
            (_SHARED_MEMORY / name).unlink(missing_ok=True)


class RealTime:
    """The real programs of a run whose clocks can be moved, and those whose clocks cannot.

    Args:
        run: whose clock they follow.
        programs: finds them.
    """

    def __init__(self, run: Run, programs: Programs):
        self._run = run
        self._programs = programs
        self._clocks: dict[str, _Clock] = {}
        self._library = find_library()

    def why_not(self) -> str:
        """Why a clock cannot be moved."""
        if sys.platform != "linux":
            return "programs can be preloaded on Linux only"
        return "libfaketime is not installed (package faketime of the system)" if self._library is None else "they were started without libfaketime"

    # --- starting ---

    def environment(self, name: str, *, wanted: bool = True) -> dict[str, str]:
        """Variables with which a real program that is being started follows the run's clock; none where that cannot be or is not wanted."""
        if (old := self._clocks.pop(name, None)) is not None:
            old.remove_shared_memory()
        if self._library is None or not wanted:
            return {}
        clock = self._run.coordinator.clock
        one = _Clock(
            self._run.scratch(f"{name}-clock") / "faketime", began=time.monotonic(), virtual=round(clock.now(), 3), ahead=round(clock.wall() - time.time(), 3)
        )
        one.file.parent.mkdir(parents=True, exist_ok=True)
        self._clocks[name] = one
        self._write(one)
        return {"LD_PRELOAD": self._library, "FAKETIME_TIMESTAMP_FILE": str(one.file), "FAKETIME_NO_CACHE": "1"}

    def joined(self, name: str, pid: int, journal: Path, recorder: str) -> None:
        """Notes the process that was started with `environment`.

        Args:
            name: of the program.
            pid: of its process.
            journal: that its recorder writes.
            recorder: name of its recorder.
        """
        if name in self._clocks:
            one = self._clocks[name]
            one.pid, one.journal, one.recorder = pid, journal, recorder

    def forget_ended(self) -> None:
        """Forgets the programs that have ended."""
        for name, one in list(self._clocks.items()):
            process = self._programs.process_or_none(name)
            if process is None or not process.alive:
                one.remove_shared_memory()
                del self._clocks[name]

    # --- moving ---

    def apart(self) -> list[str]:
        """Names of the living real programs whose clocks are not moved."""
        real = [daemon.name for daemon in self._programs.all() if daemon.profile is not None]
        return [name for name in real if name not in self._clocks and self._is_alive(name)]

    def follow(self) -> None:
        """Sets the clocks of the real programs to that of the run."""
        living = self._living()
        for one in living:
            self._write(one)
        _poke([one.pid for one in living])

    def advance(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the run's clock, in steps if there are real programs, after each of which all of them come to rest.

        Args:
            by: seconds of the run's clock.
            limit: seconds of real time that the clock may stand at one moment.

        Raises:
            NotAtRest: somebody did not come to rest.
        """
        living = self._living()
        if not living:
            return self._run.coordinator.advance(by, limit)
        fired: list[FiredTimer] = []
        left = by
        with self._run.coordinator.watching():
            while True:
                step = min(_STEP, left)
                fired += self._moved(by - left, step, limit)
                fired += self._follow_and_settle(by - left + step, limit)
                left = round(left - step, 9)
                if left <= 0:
                    return fired

    def _moved(self, passed: float, step: float, limit: float) -> list[FiredTimer]:
        fired = self._run.coordinator.advance(step, limit)
        return [FiredTimer(timer.program, timer.timer, round(timer.at + passed, 6)) for timer in fired]

    def _follow_and_settle(self, passed: float, limit: float) -> list[FiredTimer]:
        """Moves the clocks of the real programs, and waits until nothing more comes of it."""
        fired: list[FiredTimer] = []
        living = self._living()
        deadline = time.monotonic() + limit
        self._await_quiet(living, deadline)  # at the old time: what the others have answered is taken
        said = self._said(living)
        for one in living:
            self._write(one)
        for _ in range(_POKES):
            _poke([one.pid for one in living])
            self._await_quiet(living, deadline)
        while (now := self._said(living)) != said:
            said = now
            fired += self._moved(passed, 0, limit)
            self._await_quiet(living, deadline)
        return fired

    def _is_busy(self, recorder: Process) -> bool:
        """Whether a recorder has not passed on yet what its program has sent."""
        try:
            return bool(self._run.supervisor.control(recorder, {"op": "busy"}))
        except ControlFailed:  # it has ended meanwhile
            return False

    def _said(self, living: list[_Clock]) -> int:
        """How much the recorders have written about these programs."""
        return sum(one.said() for one in living)

    def _living(self) -> list[_Clock]:
        return [one for name, one in self._clocks.items() if self._is_alive(name, one.pid)]

    def _is_alive(self, name: str, pid: int | None = None) -> bool:
        process = self._programs.process_or_none(name)
        return process is not None and process.alive and not process.frozen and pid in (None, process.pid)

    def _write(self, one: _Clock) -> None:
        rate, now = self._run.coordinator.rate, self._run.coordinator.clock.now()
        passed = round(now - one.virtual, 3) if rate == 0 else now - one.virtual - (time.monotonic() - one.began) * rate
        one.writes += 1
        offset = one.ahead + passed + one.writes * _NUDGE
        text = f"{offset:+024.9f} x{rate:g}".ljust(_WIDTH) + "\n"
        with open(os.open(one.file, os.O_WRONLY | os.O_CREAT, 0o600), "wb", buffering=0) as file:
            file.write(text.encode())  # in one piece, and of one length: the program may read at any moment

    def _await_quiet(self, living: list[_Clock], deadline: float) -> None:
        """Waits until these programs sleep, and their recorders have passed on what they have sent."""
        recorders = [process for one in living if (process := self._programs.process_or_none(one.recorder)) is not None and process.alive]
        while not are_still([one.pid for one in living], lambda: any(map(self._is_busy, recorders))):
            if time.monotonic() > deadline:
                raise NotAtRest(f"a real program is at work: {', '.join(name for name, one in self._clocks.items() if one in living)}")
            pause(_LOOK)


def find_library() -> str | None:
    """Path of libfaketime; None where there is none."""
    if sys.platform != "linux":
        return None
    found = [path for place in _PLACES for path in glob(place)]
    spec = importlib.util.find_spec("libfaketime")
    if spec is not None and spec.submodule_search_locations:
        found += glob(f"{next(iter(spec.submodule_search_locations))}/**/libfaketime*.so.1", recursive=True)
    return found[0] if found else None


def _poke(pids: list[int]) -> None:
    """Makes programs look at their clocks: a stop and a continuation end the wait that they are in."""
    stopped = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
    deadline = time.monotonic() + _STOP_LIMIT
    for pid in stopped:  # a thread that is not stopped yet would go on with its wait
        while not are_all(pid, b"T") and time.monotonic() < deadline:
            pause(_LOOK / 10)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
