"""What the coordinator of the clock knows about each member."""

from __future__ import annotations

from dataclasses import dataclass

from ..run.json_channel import JsonChannel
from .report import Report, TimerState


@dataclass(eq=False, repr=False)
class MemberState:
    """A member of the clock, as far as the coordinator knows.

    Attributes:
        sent: number of the last message sent to it.
        report: its last report.
        working: labels of its jobs at work, after a request for them.
        frozen: whether it was stopped by a signal at the last look.
    """

    channel: JsonChannel
    pid: int = 0
    name: str = ""
    port: int = 0
    sent: int = 0
    report: Report | None = None
    working: list[str] | None = None
    frozen: bool = False

    @property
    def is_behind(self) -> bool:
        """Whether it has not reported itself at rest after the last message sent to it."""
        return self.report is None or self.report.handled < self.sent or self.report.at_work > 0


def firing_order(member: MemberState, timer: TimerState) -> tuple[float, str, str, int]:
    """Sort key of timers that are due: due time, program, timer name, number."""
    return timer.due, member.name, timer.name, timer.number
