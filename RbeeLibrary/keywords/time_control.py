"""The group Time: control of the run's clock, which all timers and time limits of the fakes use."""

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..clock.coordinator import FiredTimer
from ..errors import CannotJudge, UsageError
from ..session.session import Session
from ..session.types import Daemon
from .argument_types import Span

_SHOWN = 30


class TimeKeywords:
    """Keywords of the group Time. Timeouts of keywords are real time and not affected by the clock."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def advance_time(self, by: Span, *, timeout: Span = None) -> list[FiredTimer]:
        """Moves the run's clock forward, and waits until all programs have come to rest. Contract 15.

        All timers and time limits of the fakes that fall due fire in order, also those armed on the way: `Advance Time    5 min` is ten health checks and takes
        milliseconds. The clock moves on when all programs have come to rest and all data has arrived. Clients outside the run, such as RequestsLibrary,
        `curl` or real programs, are not tracked: their requests may still be in flight.

        Args:
            by: Time to move the clock by, such as `5 min`.
            timeout: Time limit for all programs to come to rest at one clock time, in real time; default: the library's `timeout`.

        Returns:
            The timers that fired, in order, with `program`, `timer` and `at` (seconds since the start of the step).

        Raises:
            AssertionError: a program did not come to rest; the message names it and what it was doing.
        """
        self._warn_of_other_clocks()
        return self._logged(by, self._session.advance(by.total_seconds(), self._session.settings.timeout(timeout)))

    @keyword
    def jump_time(self, by: Span, *, timeout: Span = None) -> list[FiredTimer]:
        """Moves the run's clock at once, as a machine does that was asleep: all timers that fell due meanwhile fire together. Contract 15.

        After `Advance Time    10 min` a hive has looked twenty times at its workers; after `Jump Time    10 min` it looks once.

        Args:
            by: Time to move the clock by, such as `10 min`.
            timeout: Time limit for all programs to come to rest before and after the jump, in real time; default: the library's `timeout`.

        Returns:
            The timers that fired, in the order in which they had been due, with `program`, `timer` and `at` (seconds since the start of the jump).

        Raises:
            AssertionError: a program did not come to rest; the message names it and what it was doing.
        """
        self._warn_of_other_clocks()
        return self._logged(by, self._session.jump(by.total_seconds(), self._session.settings.timeout(timeout)))

    def _logged(self, by: timedelta, fired: list[FiredTimer]) -> list[FiredTimer]:
        lines = [str(timer) for timer in fired[:_SHOWN]] + ([f"and {len(fired) - _SHOWN} more"] if len(fired) > _SHOWN else [])
        logger.info("\n".join([f"time moved by {by.total_seconds():g} s, {len(fired)} timers fired", *lines]))
        if strangers := self._session.run.coordinator.strangers():
            logger.info(f"{strangers} open connections come from clients outside the run: their requests may still be in flight")
        return fired

    @keyword
    def set_time_rate(self, rate: float) -> float:
        """Sets the speed of the run's clock until the end of the test or suite: `0` holds it, `1` is normal.

        A held clock is moved by `Advance Time`; `Stop` and `Stop All` let it run while they wait.

        Args:
            rate: Seconds of the clock per second.

        Returns:
            The old rate.
        """
        if not 0 <= rate < 1e6:
            raise UsageError(f"a rate of {rate:g} cannot be: expected 0 to hold the clock, 1 for normal, 10 for ten times as fast")
        self._warn_of_other_clocks()
        old = self._session.set_rate(rate)
        logger.info(f"the clock goes at rate {rate:g}, before at {old:g}")
        return old

    @keyword
    def get_clock_date(self) -> float:
        """Reads the date of the run's clock, from which the fakes take all timestamps.

        Returns:
            Seconds since 1970.
        """
        date = self._session.run.coordinator.clock.wall()
        logger.info(f"the run's clock shows {date:.3f}")
        return date

    @keyword
    def wait_until_timer(self, name: str | Daemon, timer: str, *, within: Span = None) -> timedelta:
        """Waits until a program is waiting for a timer, such as `hive    shutdown-ack`.

        Timers of a queen: `sweep`, `ready-poll`, `task-wait`, `cascade`. Of a hive: `health`, `health-limit`, `idle`, `shutdown-ack`, `term-grace`,
        `shutdown-drain`. Of a worker: `load`, `callback-retry`, `callback-limit`, `token`, `drain`. Of all: `connect` and `answer` of their own requests,
        `keep-alive` of a silent stream, and the name of a fault that delays them, such as `delay`.

        Args:
            name: Name or object of a program.
            timer: Name of the timer.
            within: How long to wait, in real time; default: the library's `within`.

        Returns:
            The remaining time until it is due, on the run's clock.

        Raises:
            AssertionError: the program did not wait for the timer in time; the message lists the armed timers.
        """
        wanted = str(name)
        if self._session.programs.is_real(wanted):
            raise CannotJudge(f"{wanted} is a real program: its timers cannot be seen from outside")
        limit = self._session.settings.within(within)
        left = self._session.run.coordinator.await_timer(wanted, timer, limit)
        if left is None:
            self._session.programs.find(name)  # an unknown name gets a message of its own
            armed = ", ".join(self._session.run.coordinator.timers()) or "nothing"
            raise AssertionError(f"{wanted} did not wait for {timer} within {limit:g} s; waited for is {armed}")
        logger.info(f"{wanted} waits for {timer}, due in {left:g} s")
        return timedelta(seconds=left)

    def _warn_of_other_clocks(self) -> None:
        """Real programs that cannot follow the run's clock are named, at each step."""
        apart = self._session.real_time.apart()
        if apart:
            logger.warn(f"the clock of {', '.join(apart)} is not moved: {self._session.real_time.why_not()}")
