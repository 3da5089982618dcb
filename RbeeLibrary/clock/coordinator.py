"""Moves the clock of a run from one due timer to the next, and only while all processes are at rest and nothing is in flight.

Why earlier reports are enough: a process does nothing between its last report and its next job. Suppose some processes work again after their last
reports. The first of them was woken by something that another process sent before its own last report, and the reports show that as in flight. So if
nothing is in flight by the last reports, no process works.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import NotAtRest
from ..run.interruption import interruptible
from ..run.json_channel import JsonChannel
from .activity import Activity, ParkedJob
from .clock import Clock, ClockPage
from .member import SOCKET_NAME
from .member_state import MemberState, firing_order
from .report import Report, TimerState
from .rest_check import ProcessLook, RestCheck

_LOOK = 0.005  # seconds between two looks at the process table
_DESCRIBE_LIMIT = 0.3
_UPCOMING_LIMIT = 0.05
_BACKLOG = 4096
_ROUNDING = 4e-7
"""Seconds by which sums of times may differ through rounding."""


@dataclass(frozen=True)
class FiredTimer:
    """A timer of a program that fired `at` seconds of the clock after the beginning of the step."""

    program: str
    timer: str
    at: float

    def __str__(self) -> str:
        return f"{self.program} {self.timer} at {self.at:g} s"


class Coordinator:
    """Owns the clock of a run and serves its socket, in the thread of the caller.

    Args:
        folder: of the run.
        own: activity of this process, whose connections count like those of the members.
        look: looks up a pid in the process table.
        signals: pid -> signal number -> when this process sent it last (monotonic nanoseconds).
        note: records a step with its fields in the journal.
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
        """The run's clock, for timestamps."""
        self._own = own
        self._look = look
        self._note = note
        self._members: dict[int, MemberState] = {}
        self._gone: dict[int, int] = {}
        self._rest = RestCheck(self._members, own, self._gone, look, signals)
        self._turn = threading.RLock()
        """Held by the thread that reads what members report: keywords of `Run At Once` take turns."""
        self._number = 0
        self._watch: dict[str, Any] | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.path.join(folder, SOCKET_NAME))
        os.chmod(os.path.join(folder, SOCKET_NAME), 0o600)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        with own.mutex:
            own.when_at_rest = self._wake

    # --- for keywords ---

    @property
    def rate(self) -> float:
        """Virtual seconds per real second; 0 = the clock stands still."""
        return self._page.rate

    def set_rate(self, rate: float) -> float:
        """Changes the rate of the clock; returns the old one."""
        with self._turn:
            old = self._page.rate
            if rate != old:
                self._receive(0)
                self._page.set(self._page.now(), rate)
                self._note("clock_rate", rate=rate, before=old)
                self._broadcast("moved")
            return old

    def advance(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the clock and fires the timers that become due, in the order of due time, program and timer name.

        Args:
            by: seconds of the clock.
            limit: seconds of real time that all processes have to come to rest, anew for every moment at which timers fire.

        Raises:
            NotAtRest: a process did not come to rest.
        """
        with self._moving(by) as (start, target, fired):
            deadline, stood_at = time.monotonic() + limit, -1.0
            while True:
                self._await_rest(deadline)
                due = self._next_due(target)
                if due is None:
                    break
                member, timer = due
                if timer.due > stood_at:
                    deadline, stood_at = time.monotonic() + limit, timer.due
                self._page.set(max(timer.due, self._page.now()), 0)
                fired.append(self._fire(member, timer, max(timer.due - start, 0)))
            self._page.set(target, 0)
        return fired

    def jump(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the clock at once, as a machine that has slept: all timers that became due meanwhile fire together, at the moment of the end.

        Args:
            by: seconds of the clock.
            limit: seconds of real time that all processes have to come to rest.

        Raises:
            NotAtRest: a process did not come to rest.
        """
        deadline = time.monotonic() + limit
        with self._moving(by) as (_, target, fired):
            self._await_rest(deadline)
            self._page.set(target, 0)
            while due := self._all_due(target):
                fired += [self._fire(member, timer, by) for member, timer in due]
                self._await_rest(deadline)
        return fired

    @contextlib.contextmanager
    def _moving(self, by: float) -> Iterator[tuple[float, float, list[FiredTimer]]]:
        """Stops the clock while it is moved by hand, and notes the step; gives its start, its end, and a list for the timers that fire."""
        began = time.monotonic_ns()
        with self._turn:
            old = self.set_rate(0)
            start = self._page.now()
            fired: list[FiredTimer] = []
            try:
                with self.watching():
                    yield start, start + by, fired
                self._note("clock_step", began_ns=began, by=by, start=round(start, 6), end=round(start + by, 6), fired=len(fired))
            finally:
                self.set_rate(old)

    def _fire(self, member: MemberState, timer: TimerState, at: float) -> FiredTimer:
        self._send_to(member, {"op": "fire", "timer": timer.number})
        self._note("timer_fired", program_fired=member.name, timer=timer.name, due=round(timer.due, 6))
        return FiredTimer(member.name, timer.name, round(at, 6))

    def await_timer(self, program: str, timer: str, limit: float) -> float | None:
        """Waits until a program has armed a timer; returns the seconds of the clock until it is due, or None if it was not armed in time.

        Args:
            program: name of the program.
            timer: name of the timer.
            limit: seconds of real time.
        """
        deadline = time.monotonic() + limit
        with self.watching(eager=True):
            while True:
                for member in self._members.values():
                    # A report from before this wait may be out of date, and its program dead.
                    if member.name == program and member.report is not None and (member.frozen or member.report.handled >= member.sent):
                        for armed in member.report.timers:
                            if armed.name == timer:
                                return max(0.0, armed.due - self._page.now())
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._receive(left)

    def timers(self) -> list[str]:
        """Armed timers by the last reports, each as `program timer`."""
        return sorted({f"{member.name} {timer.name}" for member in self._members.values() if member.report for timer in member.report.timers})

    def upcoming(self, count: int) -> list[str]:
        """The timers that are due next, each as `program timer in 2 s`.

        Args:
            count: how many at most.
        """
        deadline = time.monotonic() + _UPCOMING_LIMIT
        with self.watching(eager=True):
            while any(not one.frozen and (one.report is None or one.report.handled < one.sent) for one in self._members.values()):
                if (left := deadline - time.monotonic()) <= 0:
                    break
                self._receive(left)
            now = self._page.now()
            armed = [(timer.due, one.name, timer.name) for one in self._members.values() if one.report and not one.frozen for timer in one.report.timers]
        return [f"{program} {timer} in {max(0.0, due - now):g} s" for due, program, timer in sorted(armed)[:count]]

    def strangers(self) -> int:
        """Number of connections to members from clients outside the clock, by the last reports."""
        with self._own.mutex:
            known = {link.key for link in self._own.links() if not link.serves}
        reports = [member.report for member in self._members.values() if member.report]
        known |= {link.key for report in reports for link in report.links if not link.serves}
        return sum(1 for report in reports for link in report.links if link.serves and not link.ended and link.key not in known)

    def close(self) -> None:
        """Closes all connections and the socket."""
        for member in self._members.values():
            member.channel.close()
        self._listener.close()
        os.close(self._wakeup)
        os.close(self._waker)

    # --- waiting for rest ---

    def _await_rest(self, deadline: float) -> None:
        rest = ParkedJob(self._own)
        rest.begin()
        try:
            self._receive(0)
            look_again = time.monotonic() + _LOOK
            while (why := self._in_the_way()) is not None:
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

    def _in_the_way(self) -> str | None:
        self._accept()  # a process that was started by a finished job has connected before that job was reported as finished
        return self._rest.why_not()

    def _next_due(self, target: float) -> tuple[MemberState, TimerState] | None:
        due = [
            (member, timer)
            for member in self._members.values()
            if member.report is not None and not member.frozen
            for timer in member.report.timers[:1]
            if timer.due <= target + _ROUNDING
        ]
        for member, timer in sorted(due, key=lambda pair: firing_order(*pair)):
            self._look_at(member)
            if not member.frozen:
                return member, timer
        return None

    def _all_due(self, target: float) -> list[tuple[MemberState, TimerState]]:
        living = [member for member in self._members.values() if member.report is not None]
        for member in living:
            self._look_at(member)
        due = [(member, timer) for member in living if member.report and not member.frozen for timer in member.report.timers if timer.due <= target + _ROUNDING]
        return sorted(due, key=lambda pair: firing_order(*pair))

    def _describe_busy(self) -> str:
        late = [member for member in self._members.values() if not member.frozen and member.is_behind]
        for member in late:
            member.working = None
            self._send_to(member, {"op": "describe"})
        deadline = time.monotonic() + _DESCRIBE_LIMIT
        while any(member.working is None for member in late) and (left := deadline - time.monotonic()) > 0:
            self._receive(left)
        busy = [f"{member.name} (pid {member.pid}): {', '.join(member.working) if member.working else 'does not answer'}" for member in late]
        return f"; at work are {'; '.join(busy)}" if busy else ""

    # --- messages ---

    @contextlib.contextmanager
    def watching(self, *, eager: bool = False) -> Iterator[None]:
        """Members report whenever they come to rest. Around several moves of the clock it spares them from being told anew for each: inside, it does nothing.

        Args:
            eager: they report each timer that they arm as well.
        """
        with self._turn:
            if self._watch is not None:
                yield
                return
            self._receive(0)
            self._look_at_all()
            self._watch = {"op": "watch", "on": True, "eager": eager}
            self._broadcast(**self._watch)
            try:
                yield
            finally:
                self._watch = None
                self._broadcast("watch", on=False)

    def _broadcast(self, op: str, **fields: Any) -> None:
        for member in list(self._members.values()):
            self._send_to(member, {"op": op, **fields})

    def _send_to(self, member: MemberState, message: dict[str, Any]) -> None:
        self._number += 1
        member.sent = self._number
        with contextlib.suppress(OSError):
            member.channel.send({**message, "n": self._number})

    def _receive(self, limit: float) -> None:
        """Handles what has arrived, or waits at most `limit` seconds of real time for the first message."""
        with interruptible():
            ready = self._poll.poll(limit * 1000)
        for fd, _ in ready:
            if fd == self._listener.fileno():
                self._accept()
            elif fd == self._wakeup:
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
                member.report = Report.from_json(message)

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
