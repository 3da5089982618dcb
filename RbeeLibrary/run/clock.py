"""The clock that every timer and limit of a fake reads.

The words are the ones that a shared, movable clock needs: now, wait, call_at. All waiting of a fake goes through them.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Timer:
    """Something that is due at a time of the clock."""

    def __init__(self, due: float, name: str, action: Callable[[], object]):
        self.due = due
        self.name = name
        self.fired = False
        self.cancelled = False
        self._action = action

    def cancel(self) -> None:
        """Drops the timer; one that has fired stays fired."""
        self.cancelled = True

    def fire(self) -> None:
        """Runs the action."""
        self.fired = True
        self._action()


class Clock:
    """Seconds that only grow, and what waits for them.

    One thread serves all timers of a process; actions must be short.
    """

    def __init__(self) -> None:
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []
        self._changed = threading.Condition()
        self._started = False

    def now(self) -> float:
        """Seconds of the run's clock."""
        return time.monotonic()

    def wait(self, event: threading.Event, until: float | None) -> bool:
        """Waits for an event, at most until a time of the clock; says whether the event came."""
        if until is None:
            return event.wait()
        return event.wait(max(0.0, until - self.now()))

    def call_at(self, due: float, action: Callable[[], object], name: str) -> Timer:
        """Runs an action at a time of the clock, in the clock's thread."""
        timer = Timer(due, name, action)
        with self._changed:
            heapq.heappush(self._timers, (due, next(self._order), timer))
            if not self._started:
                self._started = True
                threading.Thread(target=self._serve, name="clock", daemon=True).start()
            elif self._timers[0][2] is timer:
                self._changed.notify()
        return timer

    @contextmanager
    def limit(self, seconds: float, abort: Callable[[], object], name: str) -> Iterator[Timer]:
        """Aborts what the block does when it takes longer; `fired` of the timer tells."""
        timer = self.call_at(self.now() + seconds, abort, name)
        try:
            yield timer
        finally:
            timer.cancel()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._timers or self._timers[0][2].cancelled or self._timers[0][0] > self.now():
                    if self._timers and self._timers[0][2].cancelled:
                        heapq.heappop(self._timers)
                    elif self._timers:
                        self._changed.wait(self._timers[0][0] - self.now())
                    else:
                        self._changed.wait()
                timer = heapq.heappop(self._timers)[2]
            timer.fire()
