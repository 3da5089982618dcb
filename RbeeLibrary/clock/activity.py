"""What a process has in hand: jobs at work, bytes on their way, children and signals.

Time may move only while every process of the run is at rest and nothing is under way between two of them. A job is whatever would go on without time
moving: a thread that handles a request, runs the action of a timer, or starts a process. It is at rest while it waits, for the clock or for somebody else,
and at work again from the moment of its waking, not of its running: there is no instant at which a job is in nobody's hands.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_CLOSED_KEPT = 256


@dataclass(eq=False, repr=False)
class Link:
    """One end of a TCP connection: how many bytes it has written and read, whether somebody waits to read, and whether it is through with it.

    One that is `held` is not read for now, by intention: what comes waits until time has moved or somebody says so.
    """

    client_port: int
    server_port: int
    serves: bool
    sent: int = 0
    received: int = 0
    reading: bool = False
    ended: bool = False
    held: bool = False


@dataclass(eq=False, repr=False)
class ChildActivity:
    """A child of this process: whether its ready line is still awaited, and which signals it was sent, when.

    One that only has to join the run (`joins`) is no child by `wait`: this process looks for it again and again, as for a hive started over ssh.
    """

    pid: int
    awaited: bool = True
    joins: bool = False
    ended: bool = False
    signals: dict[int, int] = field(default_factory=dict)


class ParkedJob:
    """A pause in the work of one job. Whoever ends it, the sleeper or the one who wakes it, the job counts as at work from then on, once."""

    __slots__ = ("_activity", "_ident", "_resting")

    def __init__(self, activity: Activity):
        self._activity = activity
        self._resting = False
        self._ident = threading.get_ident()

    def begin(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Comes to rest, unless there is a reason to go on already."""
        with self._activity.mutex:
            if not self._resting and not unless():
                self._resting = True
                self._activity.resting.add(self._ident)
                self._activity.step_back()

    def end(self) -> None:
        """At work again."""
        with self._activity.mutex:
            self.end_locked()

    def end_locked(self) -> None:
        """The same for one who holds the mutex."""
        if self._resting:
            self._resting = False
            self._activity.resting.discard(self._ident)
            self._activity.at_work += 1


class Activity:
    """The activity of one process; the thread that makes them counts as its first job.

    Attributes:
        mutex: guards everything here and the timers of the clock.
        at_work: number of jobs that are at work.
        when_at_rest: called under the mutex when no job is at work any more.
        taken: signal number -> when the last one was taken (monotonic nanoseconds).
    """

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self.at_work = 1
        self.resting: set[int] = set()
        self.when_at_rest: Callable[[], None] = lambda: None
        self.taken: dict[int, int] = {}
        self.served = False
        self._labels: dict[int, str] = {threading.get_ident(): "main"}
        self._links: dict[int, Link] = {}
        self._ended: deque[Link] = deque(maxlen=_CLOSED_KEPT)
        self._children: dict[int, ChildActivity] = {}

    # --- jobs ---

    def hand_over(self) -> None:
        """A job begins that another thread will do: it is at work from now on."""
        with self.mutex:
            self.at_work += 1

    @contextmanager
    def taken_over(self, label: str) -> Iterator[None]:
        """Does a job that was handed over; it ends with the block."""
        ident = threading.get_ident()
        before = self._labels.get(ident)
        self._labels[ident] = label
        try:
            yield
        finally:
            if before is None:
                self._labels.pop(ident, None)
            else:
                self._labels[ident] = before
            with self.mutex:
                self.step_back()

    @contextmanager
    def job(self, label: str) -> Iterator[None]:
        """A job from here to the end of the block."""
        self.hand_over()
        with self.taken_over(label):
            yield

    def name_job(self, label: str) -> None:
        """Says what the job of this thread is, for the message about who would not come to rest."""
        self._labels[threading.get_ident()] = label

    @contextmanager
    def parked(self) -> Iterator[ParkedJob]:
        """The job waits within the block."""
        parked = ParkedJob(self)
        parked.begin()
        try:
            yield parked
        finally:
            parked.end()

    def step_back(self) -> None:
        """One job less is at work; for those who hold the mutex."""
        self.at_work -= 1
        if self.at_work == 0:
            self.when_at_rest()

    def working(self) -> list[str]:
        """What is at work now, as far as it has a name."""
        return sorted(label for ident, label in list(self._labels.items()) if ident not in self.resting)

    # --- connections ---

    def open_link(self, client_port: int, server_port: int, *, serves: bool) -> Link:
        """A connection exists."""
        link = Link(client_port, server_port, serves)
        with self.mutex:
            self._links[id(link)] = link
        return link

    def wrote(self, link: Link, count: int) -> None:
        """Bytes were given to a connection."""
        with self.mutex:
            link.sent += count

    def read(self, link: Link, count: int) -> None:
        """Bytes were taken from a connection."""
        with self.mutex:
            link.received += count

    def end_link(self, link: Link) -> None:
        """This end is through with a connection: it has closed it, will close it, or has seen its end."""
        with self.mutex:
            if self._links.pop(id(link), None) is not None:
                link.ended = True
                self._ended.append(link)

    def links(self) -> list[Link]:
        """Open connections and those that ended last; for those who hold the mutex."""
        return [*self._links.values(), *self._ended]

    # --- children and signals ---

    def child_started(self, pid: int) -> ChildActivity:
        """A child exists."""
        child = ChildActivity(pid)
        with self.mutex:
            self._children[pid] = child
        return child

    @contextmanager
    def birth(self, pid: int) -> Iterator[None]:
        """Within the block a process that is no child is on its way into the run."""
        with self.mutex:
            self._children[pid] = ChildActivity(pid, joins=True)
        try:
            yield
        finally:
            with self.mutex:
                self._children.pop(pid, None)

    def child_ended(self, pid: int) -> None:
        """A child was waited for, and all that follows from its end is done or in hand."""
        with self.mutex:
            if (child := self._children.get(pid)) is not None:
                child.ended = True
                self._forget(child)

    def child_is_ready(self, child: ChildActivity) -> None:
        """Its ready line was read, or will not come."""
        with self.mutex:
            child.awaited = False
            self._forget(child)

    def _forget(self, child: ChildActivity) -> None:
        if child.ended and not child.awaited and self._children.get(child.pid) is child:
            del self._children[child.pid]

    def children(self) -> list[ChildActivity]:
        """All that were not waited for; for those who hold the mutex."""
        return list(self._children.values())
