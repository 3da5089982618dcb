"""The group Time: moving the run's clock, which all timers and limits of the fakes are on."""

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..clock.coordinator import FiredTimer
from ..errors import UsageError
from ..session.session import Session
from ..session.types import Daemon

_SHOWN = 30


class TimeKeywords:
    """The group Time. Patience of keywords is real time and not touched by it."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def advance_time(self, by: timedelta, *, timeout: timedelta | None = None) -> list[FiredTimer]:
        """Moves the run's clock, and waits for all that comes of it. Contract 15.

        All timers and limits of the fakes that are due on the way fire in their order, also those that are armed meanwhile: `Advance Time    5 min` is ten
        health checks, and takes milliseconds. Between two of them every program comes to rest and every byte arrives. Clients outside of the run, such as
        RequestsLibrary, `curl` or real programs, do not take part: their requests may still be under way.

        Args:
            by: How far, such as `5 min`.
            timeout: How long the clock may stand at one moment until everybody has come to rest, in real time; the default is the library's.

        Returns:
            What fired, in order: each with `program`, `timer` and `at`, the seconds since the beginning of the step.

        Raises:
            AssertionError: somebody did not come to rest; the message says who, and what it was doing.
        """
        fired = self._session.advance(by.total_seconds(), self._session.settings.timeout(timeout))
        lines = [str(timer) for timer in fired[:_SHOWN]] + ([f"and {len(fired) - _SHOWN} more"] if len(fired) > _SHOWN else [])
        logger.info("\n".join([f"time moved by {by.total_seconds():g} s, {len(fired)} timers fired", *lines]))
        if strangers := self._session.run.coordinator.strangers():
            logger.info(f"{strangers} open connections come from outside the clock: what is in flight on them is not known")
        return fired

    @keyword
    def set_time_rate(self, rate: float) -> float:
        """Sets how fast the run's clock goes, until the end of the test or suite: `0` holds it, `1` is normal.

        While it stands still it is moved by `Advance Time`; only `Stop` and `Stop All` let it go on while they wait.

        Args:
            rate: Seconds of the clock per second.

        Returns:
            The old rate.
        """
        if not 0 <= rate < 1e6:
            raise UsageError(f"a rate of {rate:g} cannot be: expected 0 to hold the clock, 1 for normal, 10 for ten times as fast")
        old = self._session.run.coordinator.set_rate(rate)
        logger.info(f"the clock goes at rate {rate:g}, before at {old:g}")
        return old

    @keyword
    def get_clock_date(self) -> float:
        """Reads the date of the run's clock, which all stamps of the fakes are taken from.

        Returns:
            Seconds since 1970.
        """
        date = self._session.run.coordinator.clock.wall()
        logger.info(f"the run's clock shows {date:.3f}")
        return date

    @keyword
    def wait_until_timer(self, name: str | Daemon, timer: str, *, within: timedelta | None = None) -> timedelta:
        """Waits until a program waits for a timer, such as `hive    shutdown-ack`.

        A queen waits for `sweep`, `ready-poll`, `task-wait`, `cascade`; a hive for `health`, `health-limit`, `idle`, `shutdown-ack`, `term-grace`,
        `shutdown-drain`; a worker for `load`, `callback-retry`, `callback-limit`, `token`, `drain`; one that a fault holds back for the fault's name, such as
        `delay`; whoever asks another one for `connect` and `answer`; one with a silent stream for `keep-alive`.

        Args:
            name: Name or object of a program.
            timer: Name of the timer.
            within: Patience in real time; the default is the library's.

        Returns:
            How far off it is, on the run's clock.

        Raises:
            AssertionError: nobody waits for it; the message lists what is waited for.
        """
        wanted = str(name)
        limit = self._session.settings.within(within)
        left = self._session.run.coordinator.await_timer(wanted, timer, limit)
        if left is None:
            self._session.programs.find(name)  # a name that nobody has is another mistake
            armed = ", ".join(self._session.run.coordinator.timers()) or "nothing"
            raise AssertionError(f"{wanted} did not wait for {timer} within {limit:g} s; waited for is {armed}")
        logger.info(f"{wanted} waits for {timer}, due in {left:g} s")
        return timedelta(seconds=left)
