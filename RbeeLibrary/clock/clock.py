"""Clock for all timers and time limits of the fakes: shared by all processes of a run, and movable.

A fake waits only through this clock: `now`, `wall`, `wait`, `pause`, `call_at`, `limit`. Outside a run, and in the library, it is the machine's clock.
"""

from __future__ import annotations

import heapq
import itertools
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .activity import Activity
from .event import Event, Waiter

_PAGE = struct.Struct("=qddddq")
_PAGE_NAME = "clock"
_NEVER = -1.0


class ClockPage:
    """The run's clock in shared memory: it was at `virtual0` when the machine's clock was at `real0`, and runs `rate` times as fast.

    One process writes, all others read. The version is stored at both ends, so that a reader detects a write in progress and reads again.
    """

    def __init__(self, fd: int, *, writes: bool = False):
        access = mmap.PROT_READ | mmap.PROT_WRITE if writes else mmap.PROT_READ
        self._memory = mmap.mmap(fd, _PAGE.size, mmap.MAP_SHARED, access)

    @classmethod
    def create(cls, folder: str) -> ClockPage:
        """Creates the clock of a run; it starts at the machine's time with rate 1."""
        fd = os.open(os.path.join(folder, _PAGE_NAME), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(fd, _PAGE.size)
            page = cls(fd, writes=True)
        finally:
            os.close(fd)
        now = time.monotonic()
        page._write(now, now, 1.0, round(time.time() - now, 3))
        return page

    @classmethod
    def of_run(cls, folder: str) -> ClockPage | None:
        """The clock of a run, or None if it has none."""
        try:
            fd = os.open(os.path.join(folder, _PAGE_NAME), os.O_RDONLY)
        except OSError:
            return None
        try:
            return cls(fd)
        finally:
            os.close(fd)

    def now(self) -> float:
        """Current virtual time in seconds."""
        real0, virtual0, rate, _ = self._read()
        return virtual0 + (time.monotonic() - real0) * rate if rate else virtual0

    @property
    def rate(self) -> float:
        """Virtual seconds per real second; 0 = the clock stands still."""
        return self._read()[2]

    @property
    def epoch(self) -> float:
        """Wall time at virtual time 0, in seconds since 1970."""
        return self._read()[3]

    def set(self, now: float, rate: float) -> None:
        """Sets the virtual time (seconds) and the rate.

        With rate 0 the time is rounded up to whole milliseconds, the precision of dates on the wire: intervals since such a date are then exact.
        """
        self._write(time.monotonic(), now if rate else math.ceil(round(now * 1000, 3)) / 1000, rate, self.epoch)

    def _read(self) -> tuple[float, float, float, float]:
        while True:
            version, real0, virtual0, rate, epoch, same = _PAGE.unpack_from(self._memory)
            if version == same:
                return real0, virtual0, rate, epoch

    def _write(self, real0: float, virtual0: float, rate: float, epoch: float) -> None:
        version = _PAGE.unpack_from(self._memory)[0] + 1
        page = _PAGE.pack(version, real0, virtual0, rate, epoch, version)
        self._memory[-8:] = page[-8:]
        self._memory[8:-8] = page[8:-8]
        self._memory[:8] = page[:8]


class Timer:
    """An action, or the end of a wait, that is due at a time of the clock.

    Args:
        clock: that it belongs to.
        number: of the timer, unique in its process.
        due: virtual time in seconds.
        name: shown by keywords and in messages.
        action: called when it is due.
        waiter: the thread that waits for it, None = an action.
    """

    def __init__(self, clock: Clock, number: int, due: float, name: str, action: Callable[[], object], waiter: Waiter | None = None):
        self.number = number
        self.due = due
        self.name = name
        self.fired = False
        self.waiter = waiter
        self._clock = clock
        self._action = action

    @property
    def cancelled(self) -> bool:
        """Whether the timer is no longer armed: it was cancelled or has fired."""
        return not self._clock.has(self)

    def cancel(self) -> None:
        """Disarms the timer; has no effect if it has fired."""
        self._clock.drop(self)

    def act(self) -> None:
        """Runs the action."""
        self._action()


class Clock:
    """Monotonic clock of one process, with its timers.

    While the clock runs, one thread fires all timers of the process. While it stands still (rate 0), the coordinator decides which timer fires.
    Actions must be short.

    Args:
        page: the run's clock; None = the machine's clock.
        activity: of this process; None = a new one.
    """

    def __init__(self, page: ClockPage | None = None, activity: Activity | None = None) -> None:
        self.activity = activity or Activity()
        self.when_armed: Callable[[], None] = lambda: None
        """Called with the activity's mutex held when a timer is armed."""
        self._page = page
        self.now: Callable[[], float] = page.now if page else time.monotonic
        """Current time in seconds."""
        self._numbers = itertools.count(1)
        self._timers: dict[int, Timer] = {}
        self._queue: list[tuple[float, int, Timer]] = []
        self._overdue: list[Timer] = []
        self._changed = threading.Condition(self.activity.mutex)
        self._started = False

    # --- for fakes ---

    def wall(self) -> float:
        """Current wall time on this clock, in seconds since 1970."""
        return self._page.epoch + self._page.now() if self._page else time.time()

    def wait(self, event: Event | None, until: float | None, name: str = "wait") -> bool:
        """Waits for an event or until a time of the clock; returns whether the event is set.

        Args:
            event: to wait for; None = wait for the time only.
            until: time of the clock in seconds; None = wait for the event only.
            name: of the timer, shown by keywords and in messages.
        """
        if event is not None and event.is_set():
            return True
        if until is not None and until <= self.now():
            return False
        waiter = Waiter(self.activity)
        timer = None if until is None else self._arm(until, name, waiter.wake, waiter)
        if event is not None:
            event.enter(waiter)
        try:
            while not self._is_over(waiter, until):
                waiter.sleep(self._real(until))
        finally:
            waiter.leave()
            if event is not None:
                event.leave(waiter)
            if timer is not None:
                self.drop(timer)
        return event is not None and event.is_set()

    def pause(self, seconds: float, name: str) -> None:
        """Waits for `seconds` of the clock."""
        self.wait(None, self.now() + seconds, name)

    def call_at(self, due: float, action: Callable[[], object], name: str) -> Timer:
        """Runs an action at a time of the clock, in the clock's thread.

        Args:
            due: time of the clock in seconds.
            action: must be short.
            name: of the timer, shown by keywords and in messages.
        """
        timer = self._arm(due, name, action, None)
        with self._changed:
            if due <= self.now():
                self._take_out(timer)
                self._overdue.append(timer)
            else:
                heapq.heappush(self._queue, (due, timer.number, timer))
            if not self._started:
                self._started = True
                threading.Thread(target=self._serve, name="clock", daemon=True).start()
            elif self._overdue or self._queue[0][2] is timer:
                self._changed.notify()
        return timer

    @contextmanager
    def limit(self, seconds: float, abort: Callable[[], object], name: str) -> Iterator[Timer]:
        """Calls `abort` if the block takes too long; the timer's `fired` then is True.

        Args:
            seconds: of the clock.
            abort: ends the work of the block, from another thread.
            name: of the timer, shown by keywords and in messages.
        """
        timer = self.call_at(self.now() + seconds, abort, name)
        try:
            yield timer
        finally:
            timer.cancel()

    # --- for timers and the coordinator ---

    def has(self, timer: Timer) -> bool:
        """Whether a timer is armed."""
        return timer.number in self._timers

    def drop(self, timer: Timer) -> None:
        """Disarms a timer."""
        with self.activity.mutex:
            self._timers.pop(timer.number, None)

    def timers(self) -> list[Timer]:
        """All armed timers, the next one first; the caller must hold the mutex."""
        return sorted(self._timers.values(), key=lambda timer: (timer.due, timer.name, timer.number))

    def next_timer(self) -> Timer | None:
        """The armed timer that is due first; the caller must hold the mutex."""
        return min(self._timers.values(), key=lambda timer: (timer.due, timer.name, timer.number), default=None)

    def has_moved(self) -> None:
        """Makes all waiting threads read the clock again, after a change of its rate."""
        with self._changed:
            for timer in self._timers.values():
                if timer.waiter is not None:
                    timer.waiter.nudge()
            self._changed.notify()

    def fire(self, number: int) -> None:
        """Fires one timer while the clock stands still."""
        with self.activity.mutex:
            timer = self._timers.get(number)
            if timer is not None:
                self._take_out(timer)
        if timer is not None:
            with self.activity.added_job(timer.name):
                timer.act()

    # --- inside ---

    def _arm(self, due: float, name: str, action: Callable[[], object], waiter: Waiter | None) -> Timer:
        timer = Timer(self, next(self._numbers), due, name, action, waiter)
        with self.activity.mutex:
            self._timers[timer.number] = timer
            self.when_armed()
        return timer

    def _take_out(self, timer: Timer) -> None:
        # A fired timer counts as a job at work until its action has run.
        self._timers.pop(timer.number, None)
        timer.fired = True
        self.activity.at_work += 1

    def _is_over(self, waiter: Waiter, until: float | None) -> bool:
        # Under one lock: a wait that ends by itself counts as at work before a report can count it as at rest.
        with self.activity.mutex:
            if not waiter.woken and until is not None and self._rate() and self.now() >= until:
                waiter.back_at_work()
            return waiter.woken

    def _rate(self) -> float:
        return self._page.rate if self._page else 1.0

    def _real(self, until: float | None) -> float:
        rate = self._rate()
        return _NEVER if until is None or not rate else min(max(0.0, (until - self.now()) / rate), threading.TIMEOUT_MAX)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while (timer := self._due_now()) is None:
                    left = self._real(self._queue[0][0]) if self._queue else _NEVER
                    self._changed.wait(None if left < 0 else left)
            with self.activity.added_job(timer.name):
                timer.act()

    def _due_now(self) -> Timer | None:
        if self._overdue:
            return self._overdue.pop(0)
        while self._queue and self._queue[0][2].number not in self._timers:
            heapq.heappop(self._queue)
        if self._queue and self._rate() and self._queue[0][0] <= self.now():
            timer = heapq.heappop(self._queue)[2]
            self._take_out(timer)
            return timer
        return None
