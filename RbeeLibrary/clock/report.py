"""Report of a process to the coordinator of the clock: its jobs, timers, connections, children and signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .activity import ChildActivity, Link, numbered


@dataclass(eq=False, repr=False)
class TimerState:
    """An armed timer of a process.

    Attributes:
        number: of the timer, unique in its process.
        due: virtual time in seconds.
        name: of the timer.
    """

    number: int
    due: float
    name: str

    def to_json(self) -> list[Any]:
        """Compact form for the socket; `from_json` reads it."""
        return [self.number, self.due, self.name]

    @classmethod
    def from_json(cls, values: list[Any]) -> TimerState:
        """Restores a timer from `to_json`."""
        return cls(*values)


@dataclass(eq=False, repr=False)
class Report:
    """State of a process at the moment of its report.

    Attributes:
        handled: number of the last message of the coordinator that it has handled.
        at_work: number of jobs at work.
        timers: armed timers, the next one first; only the next one unless all were requested.
        links: open connections and those that ended last.
        children: that were not waited for.
        taken: signal number -> when it was handled last (monotonic nanoseconds).
        served: whether the program has begun to serve.
    """

    handled: int
    at_work: int
    timers: list[TimerState]
    links: list[Link]
    children: list[ChildActivity]
    taken: dict[int, int]
    served: bool

    def to_json(self) -> dict[str, Any]:
        """Compact form for the socket; `from_json` reads it. Built several hundred times per step of the clock, so it copies no more than needed."""
        return {
            "handled": self.handled,
            "at_work": self.at_work,
            "timers": [timer.to_json() for timer in self.timers],
            "links": [link.to_json() for link in self.links],
            "children": [child.to_json() for child in self.children],
            "taken": self.taken,
            "served": self.served,
        }

    @classmethod
    def from_json(cls, message: dict[str, Any]) -> Report:
        """Restores a report from `to_json`."""
        return cls(
            message["handled"],
            message["at_work"],
            [TimerState.from_json(timer) for timer in message["timers"]],
            [Link.from_json(link) for link in message["links"]],
            [ChildActivity.from_json(child) for child in message["children"]],
            numbered(message["taken"]),
            message["served"],
        )
