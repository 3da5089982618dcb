"""What every program of a run is, whether it serves or not: a name, the run's clock, a journal, signals, jobs beside each other."""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ...clock.activity import ParkedJob
from ...clock.clock import Clock, ClockPage, Event
from ...clock.member import Member
from ...errors import RunIsOver
from ...journal.writer import Journal, close_journals, journal_path
from ...net.http_client import HttpClient
from ...protocol.options import VERSION
from ...run.lifeline import NAME_VARIABLE, hold_on, run_address
from .control import Control, open_control
from .formatting import iso_time, printable


class Job:
    """Work beside the requests, in a thread of its own; `done` when it has ended."""

    def __init__(self, clock: Clock, work: Callable[..., object], args: tuple[Any, ...], name: str):
        self.done = Event()
        self._clock = clock
        self._name = name
        clock.activity.hand_over()
        threading.Thread(target=contextvars.copy_context().run, args=(self._run, work, args), name=name, daemon=True).start()

    def join(self, limit: float | None = None) -> bool:
        """Waits for its end, at most so many seconds of the clock."""
        return self._clock.wait(self.done, None if limit is None else self._clock.now() + limit, self._name)

    def _run(self, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        with self._clock.activity.taken_over(self._name):
            try:
                work(*args)
            finally:
                self.done.set()


class Program:
    """A program of a run.

    Args:
        program: its name, for logs, journals and `User-Agent`.
    """

    def __init__(self, program: str):
        self.program = program
        self.name = os.environ.get(NAME_VARIABLE) or program
        self.port = 0
        self._lifecycle: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._lifeline: socket.socket | None = None
        self.control: Control | None = None
        self._run = run_address()
        self.clock = Clock(ClockPage.of_run(os.path.dirname(self._run)) if self._run else None)
        self.real_clock = Clock(activity=self.clock.activity)
        """For the few waits that are real: for the operating system and for real programs."""
        self._main = ParkedJob(self.clock.activity)

    # --- words for programs ---

    def spawn(self, job: Callable[..., object], *args: Any, name: str) -> Job:
        """Runs a job beside the present work, under its correlation id."""
        return Job(self.clock, job, args, name)

    def every(self, interval: float, job: Callable[[], None], name: str, *, at_once: bool = False) -> None:
        """Runs a job again and again, `interval` apart on the clock."""

        def repeat() -> None:
            due = self.clock.now() + (0 if at_once else interval)
            while True:
                self.clock.wait(None, due, name)
                job()
                due = max(due + interval, self.clock.now())

        self.spawn(repeat, name=name)

    def write_line(self, text: str) -> str:
        """Writes one line to standard error, with its time."""
        line = f"{iso_time(time.time())} {printable(text)}"
        with contextlib.suppress(OSError):  # a disk that is full: the journal tells
            os.write(2, f"{line}\n".encode("utf-8", "replace"))
        return line

    # --- life ---

    def take_signals(self) -> None:
        """From now on SIGTERM and SIGINT are events of `next_event`."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._take_signal)
        signal.signal(signal.SIGINT, self._take_signal)

    def hear_signals(self) -> None:
        """Lets those come that were held back until now."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})

    def shut_down(self, why: str) -> None:
        """Makes `next_event` return this."""
        self._lifecycle.put((why, 0))
        self._main.end()
        os.write(self._waker, b"w")

    def next_event(self) -> str:
        """Waits for a signal, whose name is the event, or for `shut_down`."""
        # A signal that another thread takes does not interrupt a lock, so the main thread waits for the wakeup descriptor.
        while True:
            try:
                why, number = self._lifecycle.get_nowait()
                if number:
                    self.clock.activity.taken[number] = time.monotonic_ns()
                    self.journal.record("signal", signal=why)
                return why
            except queue.Empty:
                self._main.begin(unless=lambda: not self._lifecycle.empty())
                os.read(self._wakeup, 512)
                self._main.end()

    def _take_signal(self, number: int, _: object) -> None:
        # In the main thread, maybe in the middle of anything: nothing here takes a lock.
        self._lifecycle.put((signal.Signals(number).name, number))

    def join_run(self, journal: str | None, api_key: str | None) -> None:
        """Registers with the run, if there is one; from here on there are a journal and a client."""
        if self._run is not None:
            try:
                self._lifeline = hold_on(self._run, self.name, self.program.partition("-")[2], self.port)
                self.control = open_control(self._run, self.clock.activity)
            except RunIsOver as error:
                print(error, file=sys.stderr)
                exit_now(1)
            with contextlib.suppress(OSError):
                Member(os.path.dirname(self._run), self.name, self.port, self.clock)
        self.journal = Journal(journal_path(journal, self.name), self.program, self.clock, alone=not journal, on_lost=self._end_without_journal)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.client = HttpClient(self.clock, f"{self.program}/{VERSION}", self.journal, headers)
        self.prober = HttpClient(self.clock, f"{self.program}/{VERSION}", self.journal, headers, self.real_clock)
        """For looks at others that somebody waits for who has no part in the run's clock, which may stand still."""

    def _end_without_journal(self, why: str) -> None:
        # Whatever is checked against a journal with gaps proves nothing: better no program than one that cannot say what it did.
        self.write_line(f"{why}; {self.program} ends, because nobody could tell what it does: free some room, or give it another file")
        os._exit(1)


def exit_now(code: int) -> NoReturn:
    """Ends the process without waiting for threads that serve."""
    sys.stdout.flush()
    sys.stderr.flush()
    close_journals()
    os._exit(code)
