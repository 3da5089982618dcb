"""Events that a job of a program waits for, and the waiting thread itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..run.interruption import interruptible
from .activity import Activity, ParkedJob


class Waiter:
    """A waiting thread, and the ways to wake it."""

    def __init__(self, activity: Activity):
        self._activity = activity
        self._rest = ParkedJob(activity)
        self._gate = threading.Lock()
        self._gate.acquire()
        self._shut = True
        self.woken = False

    def sleep(self, seconds: float) -> None:
        """Waits until the thread is woken or nudged, at most `seconds` of real time; a negative value is no limit."""
        self._rest.begin(unless=lambda: self.woken)
        with interruptible():
            opened = self._gate.acquire(timeout=seconds)
        if opened:
            with self._activity.mutex:
                self._shut = True

    def wake(self) -> None:
        """Ends the wait; the thread's job counts as at work immediately."""
        with self._activity.mutex:
            self.back_at_work()
            self._open()

    def back_at_work(self) -> None:
        """Marks the wait as over; the caller must hold the mutex."""
        self.woken = True
        self._rest.end_locked()

    def nudge(self) -> None:
        """Makes the thread read the clock again; the caller must hold the mutex."""
        self._open()

    def leave(self) -> None:
        """Counts the thread's job as at work again."""
        self._rest.end()

    def _open(self) -> None:
        if self._shut:
            self._shut = False
            self._gate.release()


class _Called:
    """An action among the waiters of an event."""

    def __init__(self, action: Callable[[], object]):
        self.wake = action


class Event:
    """An event for `Clock.wait`: like `threading.Event`, but a waiting job counts as at work from the moment the event is set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._waiters: list[Waiter | _Called] = []

    def is_set(self) -> bool:
        """Whether the event is set."""
        return self._set

    def set(self) -> None:
        """Sets the event and wakes all waiters."""
        with self._lock:
            self._set = True
            for waiter in self._waiters:
                waiter.wake()

    def clear(self) -> None:
        """Resets the event."""
        self._set = False

    @contextmanager
    def calling(self, action: Callable[[], object]) -> Iterator[None]:
        """Calls `action` when the event is set during the block, or at once if it is set already; the action must be short."""
        called = _Called(action)
        self.enter(called)
        try:
            yield
        finally:
            self.leave(called)

    def enter(self, waiter: Waiter | _Called) -> None:
        """Adds a waiter; it is woken immediately if the event is set."""
        with self._lock:
            self._waiters.append(waiter)
            if self._set:
                waiter.wake()

    def leave(self, waiter: Waiter | _Called) -> None:
        """Removes a waiter."""
        with self._lock:
            self._waiters.remove(waiter)
