"""The clock that every timer and limit of a fake reads: one for all processes of a run, and movable.

All waiting of a fake goes through its words: now, wall, wait, call_at, limit. Outside a run, and in the library itself, it is the machine's clock.
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

from .activity import Activity, ParkedJob

_PAGE = struct.Struct("=qddddq")
_PAGE_NAME = "clock"
_NEVER = -1.0


class ClockPage:
    """The run's clock in shared memory: at `real0` of the machine's clock it showed `virtual0`, and it goes on `rate` times as fast.

    One process writes, all read. The version stands at both ends, so that a reader who met a write in the middle reads again.
    """

    def __init__(self, fd: int, *, writes: bool = False):
        access = mmap.PROT_READ | mmap.PROT_WRITE if writes else mmap.PROT_READ
        self._memory = mmap.mmap(fd, _PAGE.size, mmap.MAP_SHARED, access)

    @classmethod
    def create(cls, folder: str) -> ClockPage:
        """Makes the clock of a run; it shows the machine's time and goes at rate 1."""
        fd = os.open(os.path.join(folder, _PAGE_NAME), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
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
            fd = os.open(os.path.join(folder, _PAGE_NAME), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return cls(fd)
        finally:
            os.close(fd)

    def now(self) -> float:
        """What it shows."""
        real0, virtual0, rate, _ = self._read()
        return virtual0 + (time.monotonic() - real0) * rate if rate else virtual0

    @property
    def rate(self) -> float:
        """How fast it goes; 0 = it stands still."""
        return self._read()[2]

    @property
    def epoch(self) -> float:
        """Wall time when it showed 0."""
        return self._read()[3]

    def set(self, shows: float, rate: float) -> None:
        """Moves it, and lets it go on at a rate.

        A clock that stands still shows whole milliseconds, as dates on the wire do: so what was written as a date is exactly that long ago.
        """
        self._write(time.monotonic(), shows if rate else math.ceil(round(shows * 1000, 3)) / 1000, rate, self.epoch)

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


class Waiter:
    """One thread that waits, and what wakes it."""

    def __init__(self, activity: Activity):
        self._activity = activity
        self._rest = ParkedJob(activity)
        self._gate = threading.Lock()
        self._gate.acquire()
        self._shut = True
        self.woken = False

    def sleep(self, seconds: float) -> None:
        """Waits until it is woken or nudged, or so long in real time; a negative time is no limit."""
        self._rest.begin(unless=lambda: self.woken)
        if self._gate.acquire(timeout=seconds):
            with self._activity.mutex:
                self._shut = True

    def wake(self) -> None:
        """What it waits for has come: it is at work from now on."""
        with self._activity.mutex:
            self.back_at_work()
            self._open()

    def back_at_work(self) -> None:
        """The wait is over; for those who hold the mutex."""
        self.woken = True
        self._rest.end_locked()

    def nudge(self) -> None:
        """Lets it look at the clock again; for those who hold the mutex."""
        self._open()

    def leave(self) -> None:
        """At work again."""
        self._rest.end()

    def _open(self) -> None:
        if self._shut:
            self._shut = False
            self._gate.release()


class Event:
    """Something that can be waited for with `Clock.wait`; whoever waits counts as at work from the moment it is set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._waiters: list[Waiter] = []

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._set

    def set(self) -> None:
        """It has come."""
        with self._lock:
            self._set = True
            for waiter in self._waiters:
                waiter.wake()

    def clear(self) -> None:
        """It is to come again."""
        self._set = False

    def enter(self, waiter: Waiter) -> None:
        """Lets this wake a waiter."""
        with self._lock:
            self._waiters.append(waiter)
            if self._set:
                waiter.wake()

    def leave(self, waiter: Waiter) -> None:
        """Takes a waiter back."""
        with self._lock:
            self._waiters.remove(waiter)


class Timer:
    """Something that is due at a time of the clock: an action, or the end of a wait."""

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
        """Whether it will not fire any more, or has fired."""
        return not self._clock.has(self)

    def cancel(self) -> None:
        """Drops the timer; one that has fired stays fired."""
        self._clock.drop(self)

    def act(self) -> None:
        """Runs the action."""
        self._action()


class Clock:
    """Seconds that only grow, and what waits for them.

    One thread serves all timers of a process while the clock goes on; while it stands still (rate 0), whoever moves it says which timer fires.
    Actions must be short.

    Args:
        page: the run's clock; None = the machine's.
        activity: knows who is at work.
    """

    def __init__(self, page: ClockPage | None = None, activity: Activity | None = None) -> None:
        self.activity = activity or Activity()
        self.when_armed: Callable[[], None] = lambda: None
        """Called under the mutex of the activity when a timer was armed."""
        self._page = page
        self.now: Callable[[], float] = page.now if page else time.monotonic
        """Seconds of the run's clock."""
        self._numbers = itertools.count(1)
        self._timers: dict[int, Timer] = {}
        self._queue: list[tuple[float, int, Timer]] = []
        self._overdue: list[Timer] = []
        self._changed = threading.Condition(self.activity.mutex)
        self._started = False

    # --- words for fakes ---

    def wall(self) -> float:
        """The date that belongs to it, in seconds since 1970."""
        return self._page.epoch + self._page.now() if self._page else time.time()

    def wait(self, event: Event | None, until: float | None, name: str = "wait") -> bool:
        """Waits for an event, at most until a time of the clock; says whether the event came.

        Args:
            event: None = only for the time.
            until: None = only for the event.
            name: of the timer, for those who look at what is armed.
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
        """Waits a time of the clock."""
        self.wait(None, self.now() + seconds, name)

    def call_at(self, due: float, action: Callable[[], object], name: str) -> Timer:
        """Runs an action at a time of the clock, in a thread of the clock."""
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
        """Aborts what the block does when it takes longer; `fired` of the timer tells."""
        timer = self.call_at(self.now() + seconds, abort, name)
        try:
            yield timer
        finally:
            timer.cancel()

    # --- words for timers and for whoever moves the clock ---

    def has(self, timer: Timer) -> bool:
        """Whether a timer is armed."""
        return timer.number in self._timers

    def drop(self, timer: Timer) -> None:
        """Disarms a timer."""
        with self.activity.mutex:
            self._timers.pop(timer.number, None)

    def timers(self) -> list[Timer]:
        """All armed timers, the next one first; for those who hold the mutex."""
        return sorted(self._timers.values(), key=lambda timer: (timer.due, timer.name, timer.number))

    def next_timer(self) -> Timer | None:
        """The one that is due first; for those who hold the mutex."""
        return min(self._timers.values(), key=lambda timer: (timer.due, timer.name, timer.number), default=None)

    def has_moved(self) -> None:
        """Lets all who wait look at the clock again: its rate is another one."""
        with self._changed:
            for timer in self._timers.values():
                if timer.waiter is not None:
                    timer.waiter.nudge()
            self._changed.notify()

    def fire(self, number: int) -> None:
        """Fires one timer of a clock that stands still."""
        with self.activity.mutex:
            timer = self._timers.get(number)
            if timer is not None:
                self._take_out(timer)
        if timer is not None:
            with self.activity.taken_over(timer.name):
                timer.act()

    # --- inside ---

    def _arm(self, due: float, name: str, action: Callable[[], object], waiter: Waiter | None) -> Timer:
        timer = Timer(self, next(self._numbers), due, name, action, waiter)
        with self.activity.mutex:
            self._timers[timer.number] = timer
            self.when_armed()
        return timer

    def _take_out(self, timer: Timer) -> None:
        # From here on it is a job at work, until its action has run.
        self._timers.pop(timer.number, None)
        timer.fired = True
        self.activity.at_work += 1

    def _is_over(self, waiter: Waiter, until: float | None) -> bool:
        # In one piece: a wait that ends by itself is at work before anybody can report that it is not.
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
            with self.activity.taken_over(timer.name):
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
