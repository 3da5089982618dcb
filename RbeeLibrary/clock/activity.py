"""Activity of one process: its jobs, connections, children and signals.

Time may move only while every process of the run is at rest and nothing is in flight between two of them. A job is work that continues without time
moving: a thread handles a request, runs the action of a timer, or starts a process. A job is at rest while it waits for the clock or for another process.
It counts as at work again from the moment it is woken, not from the moment its thread runs: no job is missed in between.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_CLOSED_KEPT = 256


@dataclass(eq=False, repr=False)
class Link:
    """One end of a TCP connection.

    Attributes:
        client_port: TCP port of the client end.
        server_port: TCP port of the server end.
        serves: whether this is the server end.
        sent: bytes written.
        received: bytes read.
        reading: whether a thread waits for data.
        ended: whether this end has closed the connection, is about to, or has seen its end.
        held: whether reading is suspended on purpose, so that unread bytes are not in flight.
    """

    client_port: int
    server_port: int
    serves: bool
    sent: int = 0
    received: int = 0
    reading: bool = False
    ended: bool = False
    held: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """Client port and server port, which both ends have in common."""
        return self.client_port, self.server_port

    def to_json(self) -> list[Any]:
        """Compact form for the socket; `from_json` reads it."""
        return [self.client_port, self.server_port, self.serves, self.sent, self.received, self.reading, self.ended, self.held]

    @classmethod
    def from_json(cls, values: list[Any]) -> Link:
        """Restores a link from `to_json`."""
        return cls(*values)


@dataclass(eq=False, repr=False)
class ChildActivity:
    """A process that this process has started.

    Attributes:
        pid: of the child.
        awaited: whether its ready line has not been read yet.
        joins: it is no real child and is only expected to join the run, such as a hive started over ssh.
        ended: whether it was waited for.
        signals: signal number -> when it was sent last (monotonic nanoseconds).
    """

    pid: int
    awaited: bool = True
    joins: bool = False
    ended: bool = False
    signals: dict[int, int] = field(default_factory=dict)

    def to_json(self) -> list[Any]:
        """Compact form for the socket; `from_json` reads it."""
        return [self.pid, self.awaited, self.joins, self.signals]

    @classmethod
    def from_json(cls, values: list[Any]) -> ChildActivity:
        """Restores a child from `to_json`."""
        pid, awaited, joins, signals = values
        return cls(pid, awaited, joins, signals=numbered(signals))


def numbered(signals: dict[str, int]) -> dict[int, int]:
    """Restores the signal numbers that JSON has turned into strings."""
    return {int(number): when for number, when in signals.items()}


class ParkedJob:
    """A pause of one job. The waiting thread or the one that wakes it may end the pause; the job is counted as at work once."""

    __slots__ = ("_activity", "_ident", "_resting")

    def __init__(self, activity: Activity):
        self._activity = activity
        self._resting = False
        self._ident = threading.get_ident()

    def begin(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Counts the job as at rest, unless `unless` returns True."""
        with self._activity.mutex:
            if not self._resting and not unless():
                self._resting = True
                self._activity.resting.add(self._ident)
                self._activity.step_back()

    def end(self) -> None:
        """Counts the job as at work again."""
        with self._activity.mutex:
            self.end_locked()

    def end_locked(self) -> None:
        """Like `end`; the caller must hold the mutex."""
        if self._resting:
            self._resting = False
            self._activity.resting.discard(self._ident)
            self._activity.at_work += 1


class Activity:
    """All activity of one process; the thread that creates it counts as the first job.

    Attributes:
        mutex: guards all fields and the timers of the clock.
        at_work: number of jobs at work.
        resting: identifiers of the threads whose jobs are at rest.
        when_at_rest: called with the mutex held when the last job comes to rest.
        taken: signal number -> when it was handled last (monotonic nanoseconds).
        served: whether the program has begun to serve.
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

    def add_job(self) -> None:
        """Counts one more job at work, which another thread will run."""
        with self.mutex:
            self.at_work += 1

    @contextmanager
    def added_job(self, label: str) -> Iterator[None]:
        """Runs a job that was counted by `add_job`; the job ends with the block."""
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
        """Counts the block as a job."""
        self.add_job()
        with self.added_job(label):
            yield

    def name_job(self, label: str) -> None:
        """Sets the label of this thread's job, for the message that names the jobs at work."""
        self._labels[threading.get_ident()] = label

    @contextmanager
    def parked(self) -> Iterator[ParkedJob]:
        """Counts the job of this thread as at rest within the block."""
        parked = ParkedJob(self)
        parked.begin()
        try:
            yield parked
        finally:
            parked.end()

    def step_back(self) -> None:
        """Counts one job less at work; the caller must hold the mutex."""
        self.at_work -= 1
        if self.at_work == 0:
            self.when_at_rest()

    def working(self) -> list[str]:
        """Labels of the jobs at work."""
        return sorted(label for ident, label in list(self._labels.items()) if ident not in self.resting)

    # --- connections ---

    def open_link(self, client_port: int, server_port: int, *, serves: bool) -> Link:
        """Registers a connection.

        Args:
            client_port: TCP port of the client end.
            server_port: TCP port of the server end.
            serves: whether this process is the server end.
        """
        link = Link(client_port, server_port, serves)
        with self.mutex:
            self._links[id(link)] = link
        return link

    def wrote(self, link: Link, count: int) -> None:
        """Counts bytes written to a connection."""
        with self.mutex:
            link.sent += count

    def read(self, link: Link, count: int) -> None:
        """Counts bytes read from a connection."""
        with self.mutex:
            link.received += count

    def end_link(self, link: Link) -> None:
        """Marks a connection as ended: this process has closed it, is about to, or has seen its end."""
        with self.mutex:
            if self._links.pop(id(link), None) is not None:
                link.ended = True
                self._ended.append(link)

    def links(self) -> list[Link]:
        """Open connections and those that ended last; the caller must hold the mutex."""
        return [*self._links.values(), *self._ended]

    # --- children and signals ---

    def child_started(self, pid: int) -> ChildActivity:
        """Registers a child."""
        child = ChildActivity(pid)
        with self.mutex:
            self._children[pid] = child
        return child

    @contextmanager
    def birth(self, pid: int) -> Iterator[None]:
        """Within the block, a process that is no child is expected to join the run."""
        with self.mutex:
            self._children[pid] = ChildActivity(pid, joins=True)
        try:
            yield
        finally:
            with self.mutex:
                self._children.pop(pid, None)

    def child_ended(self, pid: int) -> None:
        """Unregisters a child that was waited for, once its end has been handled or a job at work handles it."""
        with self.mutex:
            if (child := self._children.get(pid)) is not None:
                child.ended = True
                self._forget(child)

    def child_is_ready(self, child: ChildActivity) -> None:
        """Records that the ready line of a child was read, or will not come."""
        with self.mutex:
            child.awaited = False
            self._forget(child)

    def _forget(self, child: ChildActivity) -> None:
        if child.ended and not child.awaited and self._children.get(child.pid) is child:
            del self._children[child.pid]

    def children(self) -> list[ChildActivity]:
        """All children that were not waited for or whose ready line is awaited; the caller must hold the mutex."""
        return list(self._children.values())
