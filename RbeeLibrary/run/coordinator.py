"""Moves the clock of a run: from one due timer to the next, and only while everybody is at rest and nothing is under way.

Why old reports are enough: between its last report and its next job a process does nothing. Of all processes that work again after their last
report, the first one must have been woken by something that another one sent before *its* last report, and that is seen as under way. So if nothing is
under way by the last reports, nobody works.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .accounts import Accounts, Link, Rest
from .clock import Clock, ClockPage
from .member import SOCKET_NAME
from .under_way import Report, under_way

_LOOK = 0.005
_WHO_LIMIT = 0.3
_BIRTH_LIMIT = 3.0
_BACKLOG = 4096
_FINEST = 4e-7
"""Seconds: sums of times differ by their rounding."""


class Look(Enum):
    """What the process table says of a process."""

    alive = 1
    frozen = 2
    gone = 3


class NotAtRest(Exception):
    """Somebody would not come to rest; the message says who, and at what."""


@dataclass(frozen=True)
class FiredTimer:
    """A timer that fired: whose, which, and how long after the beginning of the step."""

    program: str
    timer: str
    at: float

    def __str__(self) -> str:
        return f"{self.program} {self.timer} at {self.at:g} s"


@dataclass(eq=False, repr=False)
class Seat:
    """One member of the clock, as the coordinator knows it."""

    connection: socket.socket
    pid: int = 0
    name: str = ""
    port: int = 0
    asked: int = 0
    report: Report | None = None
    working: list[str] | None = None
    frozen: bool = False
    rest: bytes = field(default=b"", repr=False)

    @property
    def is_behind(self) -> bool:
        """Whether it has not come to rest since it was asked."""
        return self.report is None or self.report.handled < self.asked or self.report.at_work > 0


class Coordinator:
    """Holds the clock of a run and serves its socket, in the thread of whoever calls.

    Args:
        folder: of the run.
        own: accounts of this process, whose connections count like those of the members.
        look: looks a pid up in the process table.
        signals: pid -> signal number -> when this process sent it last (monotonic nanoseconds).
        note: is told every step, with its fields, for the journal.
    """

    def __init__(
        self,
        folder: str,
        own: Accounts,
        look: Callable[[int], Look],
        signals: Callable[[int], dict[int, int]],
        note: Callable[..., None] = lambda *_, **__: None,
    ):
        self._page = ClockPage.create(folder)
        self.clock = Clock(self._page)
        """The run's clock, for stamps."""
        self._own = own
        self._look = look
        self._signals = signals
        self._note = note
        self._seats: dict[int, Seat] = {}
        self._gone: dict[int, int] = {}
        self._births: dict[int, float] = {}
        self._number = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.path.join(folder, SOCKET_NAME))
        os.chmod(os.path.join(folder, SOCKET_NAME), 0o600)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        with own.mutex:
            own.when_at_rest = self._wake

    # --- words for keywords ---

    @property
    def rate(self) -> float:
        """How fast the clock goes."""
        return self._page.rate

    def set_rate(self, rate: float) -> float:
        """Lets the clock go on at another rate from where it is; returns the old one."""
        old = self._page.rate
        if rate != old:
            self._hear(0)
            self._page.set(self._page.now(), rate)
            self._note("clock_rate", rate=rate, before=old)
            self._tell("moved")
        return old

    def advance(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the clock, and fires on the way what is due, in the order of due time, program and timer.

        Args:
            by: seconds of the clock.
            limit: seconds of real time that the clock may stand at one moment until everybody has come to rest.

        Raises:
            NotAtRest: somebody did not.
        """
        deadline = time.monotonic() + limit
        stood_at = -1.0
        old = self.set_rate(0)
        start = self._page.now()
        target = start + by
        fired: list[FiredTimer] = []
        try:
            with self._watching():
                while True:
                    self._await_rest(deadline)
                    due = self._next_due(target)
                    if due is None:
                        break
                    seat, (number, when, name) = due
                    if when > stood_at:
                        deadline, stood_at = time.monotonic() + limit, when
                    self._page.set(max(when, self._page.now()), 0)
                    self._ask(seat, {"op": "fire", "timer": number})
                    fired.append(FiredTimer(seat.name, name, round(max(when - start, 0), 6)))
                    self._note("timer_fired", program_fired=seat.name, timer=name, due=round(when, 6))
            self._page.set(target, 0)
            self._note("clock_step", by=by, start=round(start, 6), end=round(target, 6), fired=len(fired))
        finally:
            self.set_rate(old)
        return fired

    def await_timer(self, program: str, timer: str, limit: float) -> float | None:
        """Waits until a program has armed a timer; returns how far off it is, or None after `limit` seconds of real time."""
        deadline = time.monotonic() + limit
        with self._watching(eager=True):
            while True:
                for seat in self._seats.values():
                    # What was reported before this wait began may be long over, and its program dead.
                    if seat.name == program and seat.report is not None and (seat.frozen or seat.report.handled >= seat.asked):
                        for _, due, name in seat.report.timers:
                            if name == timer:
                                return max(0.0, due - self._page.now())
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._hear(left)

    def timers(self) -> list[str]:
        """Armed timers as the last reports have them, each as program and name."""
        return sorted({f"{seat.name} {name}" for seat in self._seats.values() if seat.report for _, _, name in seat.report.timers})

    def strangers(self) -> int:
        """Connections to members that come from outside the clock, by the last reports."""
        with self._own.mutex:
            known = {(link.client_port, link.server_port) for link in self._own.links() if not link.serves}
        reports = [seat.report for seat in self._seats.values() if seat.report]
        known |= {link.key for report in reports for link in report.links if not link.serves}
        return sum(1 for report in reports for link in report.links if link.serves and not link.ended and link.key not in known)

    def close(self) -> None:
        """Gives the clock up."""
        for seat in self._seats.values():
            seat.connection.close()
        self._listener.close()
        os.close(self._wakeup)
        os.close(self._waker)

    # --- quiet ---

    def _await_rest(self, deadline: float) -> None:
        rest = Rest(self._own)
        rest.begin()
        try:
            self._hear(0)
            look_again = time.monotonic() + _LOOK
            while (why := self._why_not()) is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NotAtRest(f"{why}{self._who()}")
                self._hear(min(left, _LOOK))
                if time.monotonic() >= look_again:
                    self._look_at_all()
                    look_again = time.monotonic() + _LOOK
        finally:
            with self._own.mutex:
                rest.end_locked()

    def _why_not(self) -> str | None:
        self._welcome()  # whoever was born of a job that is done by now has knocked before its end was told
        for seat in self._seats.values():
            if not seat.frozen and seat.is_behind:
                return f"{seat.name} is at work"
        with self._own.mutex:
            if self._own.at_work:
                return "a client of this library is at work"
            own = [link if link.ended else _copy(link) for link in self._own.links()]
        reports = {seat.name: seat.report for seat in self._seats.values() if seat.report is not None and not seat.frozen}
        ports: dict[int, list[bool]] = {}
        for seat in self._seats.values():
            ports.setdefault(seat.port, []).append(seat.frozen)
        return under_way(reports, own, ports, set(self._gone.values())) or self._why_not_of_children()

    def _why_not_of_children(self) -> str | None:
        by_pid = {seat.pid: seat for seat in self._seats.values()}
        for seat in self._seats.values():
            if why := self._signals_under_way(seat, self._signals(seat.pid)):
                return why
            if seat.frozen or seat.report is None:
                continue
            for pid, awaited, signals, joins in seat.report.children:
                child = by_pid.get(pid)
                if joins:
                    if child is None and self._is_on_its_way(pid):
                        return f"process {pid}, which {seat.name} has started, has not joined the run yet"
                elif child is None:
                    look = Look.gone if pid in self._gone else self._look(pid)
                    if look is Look.gone or (look is Look.alive and (awaited or _KILL in signals)):
                        return f"{seat.name} has not taken note of its child {pid}"
                elif awaited and child.report is not None and child.report.served and not child.frozen:
                    return f"{seat.name} has not heard that {child.name} is ready"
                elif why := self._signals_under_way(child, signals):
                    return why
        return None

    def _is_on_its_way(self, pid: int) -> bool:
        # A program that never joins (a real one) may not hold time up for ever.
        began = self._births.setdefault(pid, time.monotonic())
        return pid not in self._gone and time.monotonic() - began < _BIRTH_LIMIT and self._look(pid) is Look.alive

    def _signals_under_way(self, seat: Seat, signals: dict[int, int]) -> str | None:
        for number, sent in signals.items():
            if number == _KILL or (number in _TAKEN and not seat.frozen and (seat.report is None or seat.report.taken.get(number, 0) < sent)):
                return f"{seat.name} has not taken signal {number}"
        return None

    def _next_due(self, target: float) -> tuple[Seat, tuple[int, float, str]] | None:
        due = [
            (timer[1], seat.name, timer[2], timer[0], seat)
            for seat in self._seats.values()
            if seat.report is not None and not seat.frozen
            for timer in seat.report.timers[:1]
            if timer[1] <= target + _FINEST
        ]
        for when, _, name, number, seat in sorted(due, key=lambda entry: entry[:4]):
            self._look_at(seat)
            if not seat.frozen:
                return seat, (number, when, name)
        return None

    def _who(self) -> str:
        late = [seat for seat in self._seats.values() if not seat.frozen and seat.is_behind]
        for seat in late:
            seat.working = None
            self._ask(seat, {"op": "who"})
        deadline = time.monotonic() + _WHO_LIMIT
        while any(seat.working is None for seat in late) and (left := deadline - time.monotonic()) > 0:
            self._hear(left)
        said = [f"{seat.name} (pid {seat.pid}): {', '.join(seat.working) if seat.working else 'does not answer'}" for seat in late]
        return f"; at work are {'; '.join(said)}" if said else ""

    # --- talking to members ---

    @contextlib.contextmanager
    def _watching(self, *, eager: bool = False) -> Any:
        self._hear(0)
        self._look_at_all()
        self._watch = {"op": "watch", "on": True, "eager": eager}
        self._tell(**self._watch)
        try:
            yield
        finally:
            self._watch = None
            self._tell("watch", on=False)

    _watch: dict[str, Any] | None = None

    def _tell(self, op: str, **fields: Any) -> None:
        for seat in list(self._seats.values()):
            self._ask(seat, {"op": op, **fields})

    def _ask(self, seat: Seat, order: dict[str, Any]) -> None:
        self._number += 1
        seat.asked = self._number
        with contextlib.suppress(OSError):
            seat.connection.sendall(json.dumps({**order, "n": self._number}).encode() + b"\n")

    def _hear(self, limit: float) -> None:
        """Takes what has come, or the first thing that comes within a limit."""
        for fd, _ in self._poll.poll(limit * 1000):
            if fd == self._listener.fileno():
                self._welcome()
            elif fd == self._wakeup:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, 512)
            else:
                self._hear_one(self._seats[fd])

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                seat = Seat(connection)
                self._seats[connection.fileno()] = seat
                self._poll.register(connection, select.POLLIN)
                if self._watch is not None:
                    self._ask(seat, self._watch)
                self._hear_one(seat)

    def _hear_one(self, seat: Seat) -> None:
        try:
            data = seat.connection.recv(262144, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._part(seat)
            return
        *lines, seat.rest = (seat.rest + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "pid" in said:
                seat.pid, seat.name, seat.port = said["pid"], said["name"], said["port"]
                self._gone.pop(seat.pid, None)
            elif "working" in said:
                seat.working = said["working"]
            else:
                seat.report = Report.read(said)

    def _part(self, seat: Seat) -> None:
        fd = seat.connection.fileno()
        self._poll.unregister(fd)
        del self._seats[fd]
        seat.connection.close()
        self._gone[seat.pid] = seat.port

    def _look_at_all(self) -> None:
        for seat in list(self._seats.values()):
            self._look_at(seat)

    def _look_at(self, seat: Seat) -> None:
        seat.frozen = self._look(seat.pid) is Look.frozen

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waker, b"w")


_KILL = 9
_TAKEN = (2, 15)


def _copy(link: Link) -> Link:
    return Link(link.client_port, link.server_port, link.serves, link.sent, link.received, link.reading, link.ended, link.held)
