"""Moves the clock of a run: from one due timer to the next, and only while everybody is at rest and nothing is under way.

Why old reports are enough: between its last report and its next job a process does nothing. Of all processes that work again after their last
report, the first one must have been woken by something that another one sent before *its* last report, and that is seen as under way. So if nothing is
under way by the last reports, nobody works.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import NotAtRest
from ..run.json_channel import JsonChannel
from .activity import Activity, Link, ParkedJob
from .clock import Clock, ClockPage
from .in_flight import Report, in_flight
from .member import SOCKET_NAME

_LOOK = 0.005
_WHO_LIMIT = 0.3
_BIRTH_LIMIT = 3.0
_BACKLOG = 4096
_FINEST = 4e-7
"""Seconds: sums of times differ by their rounding."""


class ProcessLook(Enum):
    """What the process table says of a process."""

    alive = 1
    frozen = 2
    gone = 3


@dataclass(frozen=True)
class FiredTimer:
    """A timer that fired: whose, which, and how long after the beginning of the step."""

    program: str
    timer: str
    at: float

    def __str__(self) -> str:
        return f"{self.program} {self.timer} at {self.at:g} s"


@dataclass(eq=False, repr=False)
class MemberState:
    """One member of the clock, as the coordinator knows it."""

    channel: JsonChannel
    pid: int = 0
    name: str = ""
    port: int = 0
    asked: int = 0
    report: Report | None = None
    working: list[str] | None = None
    frozen: bool = False

    @property
    def is_behind(self) -> bool:
        """Whether it has not come to rest since it was asked."""
        return self.report is None or self.report.handled < self.asked or self.report.at_work > 0


class Coordinator:
    """Holds the clock of a run and serves its socket, in the thread of whoever calls.

    Args:
        folder: of the run.
        own: activity of this process, whose connections count like those of the members.
        look: looks a pid up in the process table.
        signals: pid -> signal number -> when this process sent it last (monotonic nanoseconds).
        note: is told every step, with its fields, for the journal.
    """

    def __init__(
        self,
        folder: str,
        own: Activity,
        look: Callable[[int], ProcessLook],
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
        self._members: dict[int, MemberState] = {}
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
            self._receive(0)
            self._page.set(self._page.now(), rate)
            self._note("clock_rate", rate=rate, before=old)
            self._broadcast("moved")
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
                    member, (number, when, name) = due
                    if when > stood_at:
                        deadline, stood_at = time.monotonic() + limit, when
                    self._page.set(max(when, self._page.now()), 0)
                    self._send_to(member, {"op": "fire", "timer": number})
                    fired.append(FiredTimer(member.name, name, round(max(when - start, 0), 6)))
                    self._note("timer_fired", program_fired=member.name, timer=name, due=round(when, 6))
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
                for member in self._members.values():
                    # What was reported before this wait began may be long over, and its program dead.
                    if member.name == program and member.report is not None and (member.frozen or member.report.handled >= member.asked):
                        for _, due, name in member.report.timers:
                            if name == timer:
                                return max(0.0, due - self._page.now())
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._receive(left)

    def timers(self) -> list[str]:
        """Armed timers as the last reports have them, each as program and name."""
        return sorted({f"{member.name} {name}" for member in self._members.values() if member.report for _, _, name in member.report.timers})

    def strangers(self) -> int:
        """Connections to members that come from outside the clock, by the last reports."""
        with self._own.mutex:
            known = {(link.client_port, link.server_port) for link in self._own.links() if not link.serves}
        reports = [member.report for member in self._members.values() if member.report]
        known |= {link.key for report in reports for link in report.links if not link.serves}
        return sum(1 for report in reports for link in report.links if link.serves and not link.ended and link.key not in known)

    def close(self) -> None:
        """Gives the clock up."""
        for member in self._members.values():
            member.channel.close()
        self._listener.close()
        os.close(self._wakeup)
        os.close(self._waker)

    # --- quiet ---

    def _await_rest(self, deadline: float) -> None:
        rest = ParkedJob(self._own)
        rest.begin()
        try:
            self._receive(0)
            look_again = time.monotonic() + _LOOK
            while (why := self._why_not()) is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NotAtRest(f"{why}{self._describe_busy()}")
                self._receive(min(left, _LOOK))
                if time.monotonic() >= look_again:
                    self._look_at_all()
                    look_again = time.monotonic() + _LOOK
        finally:
            with self._own.mutex:
                rest.end_locked()

    def _why_not(self) -> str | None:
        self._accept()  # whoever was born of a job that is done by now has knocked before its end was told
        for member in self._members.values():
            if not member.frozen and member.is_behind:
                return f"{member.name} is at work"
        with self._own.mutex:
            if self._own.at_work:
                return "a client of this library is at work"
            own = [link if link.ended else _copy(link) for link in self._own.links()]
        reports = {member.name: member.report for member in self._members.values() if member.report is not None and not member.frozen}
        ports: dict[int, list[bool]] = {}
        for member in self._members.values():
            ports.setdefault(member.port, []).append(member.frozen)
        return in_flight(reports, own, ports, set(self._gone.values())) or self._why_not_of_children()

    def _why_not_of_children(self) -> str | None:
        by_pid = {member.pid: member for member in self._members.values()}
        for member in self._members.values():
            if why := self._signals_in_flight(member, self._signals(member.pid)):
                return why
            if member.frozen or member.report is None:
                continue
            for pid, awaited, signals, joins in member.report.children:
                child = by_pid.get(pid)
                if joins:
                    if child is None and self._is_on_its_way(pid):
                        return f"process {pid}, which {member.name} has started, has not joined the run yet"
                elif child is None:
                    look = ProcessLook.gone if pid in self._gone else self._look(pid)
                    if look is ProcessLook.gone or (look is ProcessLook.alive and (awaited or _KILL in signals)):
                        return f"{member.name} has not taken note of its child {pid}"
                elif awaited and child.report is not None and child.report.served and not child.frozen:
                    return f"{member.name} has not heard that {child.name} is ready"
                elif why := self._signals_in_flight(child, signals):
                    return why
        return None

    def _is_on_its_way(self, pid: int) -> bool:
        # A program that never joins (a real one) may not hold time up for ever.
        began = self._births.setdefault(pid, time.monotonic())
        return pid not in self._gone and time.monotonic() - began < _BIRTH_LIMIT and self._look(pid) is ProcessLook.alive

    def _signals_in_flight(self, member: MemberState, signals: dict[int, int]) -> str | None:
        for number, sent in signals.items():
            if number == _KILL or (number in _TAKEN and not member.frozen and (member.report is None or member.report.taken.get(number, 0) < sent)):
                return f"{member.name} has not taken signal {number}"
        return None

    def _next_due(self, target: float) -> tuple[MemberState, tuple[int, float, str]] | None:
        due = [
            (timer[1], member.name, timer[2], timer[0], member)
            for member in self._members.values()
            if member.report is not None and not member.frozen
            for timer in member.report.timers[:1]
            if timer[1] <= target + _FINEST
        ]
        for when, _, name, number, member in sorted(due, key=lambda entry: entry[:4]):
            self._look_at(member)
            if not member.frozen:
                return member, (number, when, name)
        return None

    def _describe_busy(self) -> str:
        late = [member for member in self._members.values() if not member.frozen and member.is_behind]
        for member in late:
            member.working = None
            self._send_to(member, {"op": "who"})
        deadline = time.monotonic() + _WHO_LIMIT
        while any(member.working is None for member in late) and (left := deadline - time.monotonic()) > 0:
            self._receive(left)
        said = [f"{member.name} (pid {member.pid}): {', '.join(member.working) if member.working else 'does not answer'}" for member in late]
        return f"; at work are {'; '.join(said)}" if said else ""

    # --- talking to members ---

    @contextlib.contextmanager
    def _watching(self, *, eager: bool = False) -> Any:
        self._receive(0)
        self._look_at_all()
        self._watch = {"op": "watch", "on": True, "eager": eager}
        self._broadcast(**self._watch)
        try:
            yield
        finally:
            self._watch = None
            self._broadcast("watch", on=False)

    _watch: dict[str, Any] | None = None

    def _broadcast(self, op: str, **fields: Any) -> None:
        for member in list(self._members.values()):
            self._send_to(member, {"op": op, **fields})

    def _send_to(self, member: MemberState, order: dict[str, Any]) -> None:
        self._number += 1
        member.asked = self._number
        with contextlib.suppress(OSError):
            member.channel.send({**order, "n": self._number})

    def _receive(self, limit: float) -> None:
        """Takes what has come, or the first thing that comes within a limit."""
        for fd, _ in self._poll.poll(limit * 1000):
            if fd == self._listener.fileno():
                self._accept()
            elif fd == self._wakeup:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, 512)
            else:
                self._receive_from(self._members[fd])

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                member = MemberState(JsonChannel(connection))
                self._members[connection.fileno()] = member
                self._poll.register(connection, select.POLLIN)
                if self._watch is not None:
                    self._send_to(member, self._watch)
                self._receive_from(member)

    def _receive_from(self, member: MemberState) -> None:
        messages = member.channel.receive(socket.MSG_DONTWAIT)
        if messages is None:
            self._disconnect(member)
            return
        for message in messages:
            if "pid" in message:
                member.pid, member.name, member.port = message["pid"], message["name"], message["port"]
                self._gone.pop(member.pid, None)
            elif "working" in message:
                member.working = message["working"]
            else:
                member.report = Report.read(message)

    def _disconnect(self, member: MemberState) -> None:
        fd = member.channel.fileno()
        self._poll.unregister(fd)
        del self._members[fd]
        member.channel.close()
        self._gone[member.pid] = member.port

    def _look_at_all(self) -> None:
        for member in list(self._members.values()):
            self._look_at(member)

    def _look_at(self, member: MemberState) -> None:
        member.frozen = self._look(member.pid) is ProcessLook.frozen

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waker, b"w")


_KILL = 9
_TAKEN = (2, 15)


def _copy(link: Link) -> Link:
    return Link(link.client_port, link.server_port, link.serves, link.sent, link.received, link.reading, link.ended, link.held)
