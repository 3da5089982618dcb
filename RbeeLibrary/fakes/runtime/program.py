"""What all programs of a run share: name, clock, journal, signals and background jobs."""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ...clock.activity import ParkedJob
from ...clock.clock import Clock, ClockPage
from ...clock.event import Event
from ...clock.member import ClockMember
from ...errors import OWN_ERROR, RbeeLibraryError, RunIsOver, with_place
from ...journal.writer import Journal, close_journals, journal_path
from ...net.http_client import HttpClient
from ...net.reach import Reach
from ...protocol.options import VERSION
from ...run import environment
from ...run.lifeline import hold_on, run_address
from .control import Control, open_control
from .formatting import iso_time, printable


class Job:
    """A background job in a thread of its own; `done` is set when it has ended.

    Args:
        clock: its activity counts the job.
        work: the function.
        args: its arguments.
        name: of the thread and of the job.
    """

    def __init__(self, clock: Clock, work: Callable[..., object], args: tuple[Any, ...], name: str):
        self.done = Event()
        self._clock = clock
        self._name = name
        clock.activity.add_job()
        threading.Thread(target=contextvars.copy_context().run, args=(self._run, work, args), name=name, daemon=True).start()

    def join(self, limit: float | None = None) -> bool:
        """Waits for the end of the job, at most `limit` seconds of the clock; returns whether it has ended."""
        return self._clock.wait(self.done, None if limit is None else self._clock.now() + limit, self._name)

    def _run(self, work: Callable[..., object], args: tuple[Any, ...]) -> None:
        with self._clock.activity.added_job(self._name):
            try:
                work(*args)
            finally:
                self.done.set()


class Program:
    """A program of a run. The constructor registers the process with the run that the environment names; without one, the program runs standalone.

    Args:
        program: its name, for logs, journals and `User-Agent`.
        port: TCP port on which it serves; 0 if it serves none.
        journal: path of its journal; None = a file in the folder of the run.
        api_key: sent with its requests.

    Attributes:
        name: its name in the run.
        clock: the run's clock.
        real_clock: real time, for waits for the operating system and for real programs.
        control: orders of the library; None without a run.
        journal: takes its records.
        client: sends its requests; limits count on the run's clock.
        reach: addresses that it cannot reach.
        prober: sends requests whose time limits are real time, because they must end while the run's clock stands still.
    """

    def __init__(self, program: str, *, port: int = 0, journal: str | None = None, api_key: str | None = None):
        self.program = program
        self.name = os.environ.get(environment.NAME) or program
        self.port = port
        self._events: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._run = run_address()
        folder = os.path.dirname(self._run) if self._run else None
        self.clock = Clock(ClockPage.of_run(folder) if folder else None)
        self.real_clock = Clock(activity=self.clock.activity)
        self._main = ParkedJob(self.clock.activity)
        self._lifeline: object = None
        self.control: Control | None = None
        if self._run is not None:
            self._register(self._run)
        if folder is not None:
            with contextlib.suppress(OSError):  # a run without a coordinator
                ClockMember(folder, self.name, self.port, self.clock)
        self.journal = Journal(journal_path(journal, self.name), program, self.clock, alone=not journal, on_lost=self._end_without_journal)
        threading.excepthook = self._thread_failed
        self._sent_headers: dict[str, str] = {}
        self.set_sent_key(api_key)
        self.reach = Reach(lambda address: self.journal.record("held_back", target=address))
        if self.control is not None:
            self.control.on("unreachable", lambda order: self.reach.limit_to(order["addresses"]))
        self.client = HttpClient(self.clock, f"{program}/{VERSION}", self.journal, self._sent_headers, reach=self.reach)
        self.prober = HttpClient(self.clock, f"{program}/{VERSION}", self.journal, self._sent_headers, self.real_clock, self.reach)

    def set_sent_key(self, key: str | None) -> None:
        """Sends this API key with its requests from now on; None = no key."""
        self._sent_headers.pop("Authorization", None)
        if key:
            self._sent_headers["Authorization"] = f"Bearer {key}"

    def _register(self, address: str) -> None:
        try:
            self._lifeline = hold_on(address, self.name, self.program.partition("-")[2], self.port)
            self.control = open_control(address, self.clock.activity)
        except RunIsOver as error:
            print(error, file=sys.stderr)
            exit_now(1)

    def _thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        """Records an error of this program's own in a background job: nobody waits for its result, so nobody else would notice."""
        error = failure.exc_value
        if isinstance(error, Exception) and not isinstance(error, (OSError, RbeeLibraryError)):
            thread = failure.thread.name if failure.thread is not None else ""
            self.journal.record("own_error", thread=thread, problem=f"{OWN_ERROR}, see its output: {with_place(error)}")
        threading.__excepthook__(failure)

    # --- for subclasses ---

    def spawn(self, job: Callable[..., object], *args: Any, name: str) -> Job:
        """Runs a job in a thread, with the current correlation id.

        Args:
            job: the function.
            args: its arguments.
            name: of the job, for messages about programs that do not come to rest.
        """
        return Job(self.clock, job, args, name)

    def every(self, interval: float, job: Callable[[], None], name: str, *, at_once: bool = False) -> None:
        """Runs a job again and again in a thread. A start that was missed, because a job took too long or the machine slept, is left out.

        Args:
            interval: seconds of the clock between two starts.
            job: the function.
            name: of the timer.
            at_once: whether the first run is now instead of after one interval.
        """

        def repeat() -> None:
            due = self.clock.now() + (0 if at_once else interval)
            while True:
                self.clock.wait(None, due, name)
                job()
                missed = max(0, math.floor((self.clock.now() - due) / interval)) if interval else 0
                due += interval * (1 + missed)

        self.spawn(repeat, name=name)

    def write_line(self, text: str) -> str:
        """Writes one line to standard error, with the time; returns the line."""
        line = f"{iso_time(time.time())} {printable(text)}"
        with contextlib.suppress(OSError):  # the disk may be full; the journal reports that
            os.write(2, f"{line}\n".encode("utf-8", "replace"))
        return line

    # --- lifecycle ---

    def handle_signals(self) -> None:
        """Turns SIGTERM and SIGINT into events of `next_event`, and unblocks them."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})

    def request_shutdown(self, reason: str) -> None:
        """Requests shutdown with this reason; `next_event` returns it."""
        self._events.put((reason, 0))
        self._main.end()
        os.write(self._waker, b"w")

    def next_event(self) -> str:
        """Waits for a signal or a shutdown request; returns the name of the signal, or the reason."""
        # A signal that another thread takes does not interrupt a lock, so the main thread waits for the wakeup descriptor.
        while True:
            try:
                reason, number = self._events.get_nowait()
                if number:
                    self.clock.activity.taken[number] = time.monotonic_ns()
                    self.journal.record("signal", signal=reason)
                return reason
            except queue.Empty:
                self._main.begin(unless=lambda: not self._events.empty())
                os.read(self._wakeup, 512)
                self._main.end()

    def _on_signal(self, number: int, _: object) -> None:
        # Interrupts the main thread at any point, so it must not take a lock.
        self._events.put((signal.Signals(number).name, number))

    def _end_without_journal(self, reason: str) -> None:
        # A check against a journal with gaps proves nothing, so a program that cannot record must not go on.
        self.write_line(f"{reason}; {self.program} ends, because nobody could tell what it does: free some room, or give it another file")
        os._exit(1)


def exit_now(code: int) -> NoReturn:
    """Ends the process without waiting for other threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    close_journals()
    os._exit(code)
