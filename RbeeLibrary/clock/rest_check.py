"""Whether all processes of a run are at rest by their last reports, and nothing is in flight between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum

from .activity import Activity
from .in_flight import in_flight
from .member_state import MemberState

_BIRTH_LIMIT = 3.0
_KILL = 9
_HANDLED_SIGNALS = (2, 15)


class ProcessLook(Enum):
    """State of a process in the process table."""

    alive = 1
    frozen = 2
    gone = 3


class RestCheck:
    """Looks at the last reports.

    Args:
        members: of the clock.
        own: activity of this process, whose connections count like those of the members.
        gone: pid -> port of processes that have ended.
        look: looks up a pid in the process table.
        signals: pid -> signal number -> when this process sent it last (monotonic nanoseconds).
    """

    def __init__(
        self,
        members: Mapping[int, MemberState],
        own: Activity,
        gone: Mapping[int, int],
        look: Callable[[int], ProcessLook],
        signals: Callable[[int], dict[int, int]],
    ):
        self._members = members
        self._own = own
        self._gone = gone
        self._look = look
        self._signals = signals
        self._births: dict[int, float] = {}

    def why_not(self) -> str | None:
        """Who is at work, or what is in flight; None if all are at rest."""
        for member in self._members.values():
            if not member.frozen and member.is_behind:
                return f"{member.name} is at work"
        with self._own.mutex:
            if self._own.at_work:
                return "a client of this library is at work"
            own = [link if link.ended else replace(link) for link in self._own.links()]
        reports = {member.name: member.report for member in self._members.values() if member.report is not None and not member.frozen}
        ports: dict[int, list[bool]] = {}
        for member in self._members.values():
            ports.setdefault(member.port, []).append(member.frozen)
        return in_flight(reports, own, ports, set(self._gone.values())) or self._child_in_flight()

    def _child_in_flight(self) -> str | None:
        by_pid = {member.pid: member for member in self._members.values()}
        for member in self._members.values():
            if why := self._signal_in_flight(member, self._signals(member.pid)):
                return why
            if member.frozen or member.report is None:
                continue
            for child in member.report.children:
                joined = by_pid.get(child.pid)
                if child.joins:
                    if joined is None and self._may_still_join(child.pid):
                        return f"process {child.pid}, which {member.name} has started, has not joined the run yet"
                elif joined is None:
                    look = ProcessLook.gone if child.pid in self._gone else self._look(child.pid)
                    if look is ProcessLook.gone or (look is ProcessLook.alive and (child.awaited or _KILL in child.signals)):
                        return f"{member.name} has not noticed that its child {child.pid} started or ended"
                elif child.awaited and joined.report is not None and joined.report.served and not joined.frozen:
                    return f"{member.name} has not read the ready line of {joined.name}"
                elif why := self._signal_in_flight(joined, child.signals):
                    return why
        return None

    def _may_still_join(self, pid: int) -> bool:
        # Limited, because a real program never joins and must not hold up time for ever.
        began = self._births.setdefault(pid, time.monotonic())
        return pid not in self._gone and time.monotonic() - began < _BIRTH_LIMIT and self._look(pid) is ProcessLook.alive

    def _signal_in_flight(self, member: MemberState, signals: dict[int, int]) -> str | None:
        for number, sent in signals.items():
            handled = 0 if member.report is None else member.report.taken.get(number, 0)
            if number == _KILL or (number in _HANDLED_SIGNALS and not member.frozen and handled < sent):
                return f"{member.name} has not handled signal {number}"
        return None
