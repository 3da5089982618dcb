"""The group Load: constant load beside a test, and keywords that run at the same moment."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html import escape
from threading import Barrier
from typing import Any, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.libraries.BuiltIn import BuiltIn
from robot.running.context import EXECUTION_CONTEXTS
from robot.utils import timestr_to_secs

from ..errors import UsageError
from ..session.assertions import Check
from ..session.inference.locust_load import LoadPlan, LocustLoad
from ..session.inference.steady_load import SteadyLoad
from ..session.session import Session
from ..session.types import Daemon, LoadStatistic, ProgramName
from .argument_types import Default, PositiveCount, Rate, Share, Span, TokenCount
from .option_arguments import asserting

_TOKENS: Any = Default(5)
_LONG: Any = Default(20)
_USERS: Any = Default(10)
_NONE: Any = Default(0.0)
_PERIOD: Any = Default(timedelta(seconds=10))
_STOP_LIMIT = 60.0
_BARRIER_LIMIT = 10.0
_MOST_AT_ONCE = 64
_SHORTEST = timedelta(milliseconds=1)


class LoadKeywords:
    """Keywords of the group Load."""

    def __init__(self, session: Session):
        self._session = session
        self._latest: SteadyLoad | LocustLoad | None = None

    @keyword
    def keep_submitting(
        self, prompt: str = "under load", *, every: Span, to: str | Daemon = "queen", max_tokens: TokenCount = _TOKENS, timeout: Span = None
    ) -> SteadyLoad:
        """Submits an inference every so often, beside the test, until `Stop Submitting` or the end of the test.

        The load is constant: a late answer delays no later request. It does not retry, so each refusal counts.

        Args:
            prompt: The prompt.
            every: Time between two requests, in real time, such as `100 ms`.
            to: Name or object of a queen or worker.
            max_tokens: Number of tokens of each.
            timeout: Silence in real time after which a stream counts as stalled; default: the library's `timeout`.

        Returns:
            The load, for `Stop Submitting` and `Get Load Statistic`; `${load.inferences}` has all of them.

        Raises:
            UsageError: `every` is less than a millisecond.
        """
        session = self._session
        if every < _SHORTEST:
            raise UsageError(f"every={every.total_seconds():g}s is too often: expected at least {_SHORTEST.total_seconds():g} s; for more, use several loads")
        silence = session.settings.timeout(timeout)
        session.programs.find(to)  # a name that does not exist is an error of this call
        self._latest = SteadyLoad(lambda: session.inferences.submit(prompt, to, silence, max_tokens=max_tokens), every.total_seconds())
        session.inferences.loads.append(self._latest)
        logger.info(f"an inference every {every.total_seconds():g} s to {to}")
        return self._latest

    @keyword
    def start_load(
        self,
        name: ProgramName = "load",  # type: ignore[assignment]
        *,
        users: PositiveCount = _USERS,
        rate: Rate | None = None,
        to: str | Daemon = "queen",
        max_tokens: PositiveCount = _LONG,
        leave_share: Share = _NONE,
        retries: bool = True,
        shape: Literal["constant", "steps", "spikes"] = "constant",
        period: Span = _PERIOD,
        node: str | None = None,
    ) -> LocustLoad:
        """Starts Locust as a program of the run, which makes load until `Stop Load` or the end of the test. Needs the extra `load`.

        Its users read streams event by event, and ask again after 1, 2 and 4 s where all slots are busy, as a keeper does. What it prints, its HTML report and
        its CSV files are in the folder of the test.

        Args:
            name: Name of the program in other keywords.
            users: Number of users at the same time; of a shape, at its top.
            rate: Inferences of all users together, such as `20/s`; default: as many as they can.
            to: Name or object of a queen or worker.
            max_tokens: Number of tokens of each inference.
            leave_share: Share of the inferences whose client leaves in the middle, from 0 to 1.
            retries: Whether users ask again where all slots are busy.
            shape: Load over time: `constant`, five `steps` up to all users, or `spikes`, a tenth of the users and now and then all of them.
            period: Length of a step, or time from spike to spike, in real time.
            node: Node of the tasks of a queen; of several, such as `hive-1,hive-2`, each gets a share. Default: that of the first hive.

        Returns:
            The load, for `Stop Load` and `Get Load Statistic`.

        Raises:
            UsageError: Locust is not installed, there is no such program, or the rate is 0.
        """
        session = self._session
        target = session.programs.find(to)
        if rate is not None and rate <= 0:
            raise UsageError("rate=0/s is no load: expected a rate such as 20/s, or nothing for as many inferences as the users can")
        plan = LoadPlan(users, rate or 0.0, max_tokens, leave_share, retries, shape, period.total_seconds(), node or session.inferences.default_node())
        load = session.start.load(name, target, plan)
        self._latest = load
        logger.info(f"{users} users of {load} ask {target}")
        return load

    @keyword
    def stop_load(self, load: LocustLoad | None = None, *, within: Span = None) -> None:
        """Ends Locust gracefully: its users finish what they have begun, and its report is written.

        Args:
            load: Load from `Start Load`; default: the latest one.
            within: How long to wait, in real time; default: one minute.

        Raises:
            AssertionError: it did not end in time, or it failed.
        """
        chosen = self._chosen(load)
        if not isinstance(chosen, LocustLoad):
            raise UsageError(f"{chosen} is not one of Locust: end it with Stop Submitting")
        self._session.start.stop(chosen.name, within.total_seconds() if within is not None else _STOP_LIMIT)
        if not chosen.summary.exists():
            raise AssertionError(f"{chosen} wrote no summary; its last lines:\n{self._session.outputs.last_lines(chosen.name)}")
        target = escape(os.path.relpath(chosen.report, str(BuiltIn().get_variable_value("${OUTPUT DIR}", "."))))
        logger.info(f'<p>{escape(_numbers(chosen))}</p><p><a href="{target}">report of Locust</a></p>', html=True)

    @keyword
    def stop_submitting(self, load: SteadyLoad | None = None, *, within: Span = None) -> None:
        """Ends a load, and waits until all its inferences have ended, well or not.

        Args:
            load: Load from `Keep Submitting`; default: the latest one.
            within: How long to wait, in real time; default: the library's `timeout`.

        Raises:
            AssertionError: some have not ended in time.
        """
        chosen = self._chosen(load)
        if isinstance(chosen, LocustLoad):
            raise UsageError(f"{chosen} is one of Locust: end it with Stop Load")
        chosen.end()
        limit = self._session.settings.timeout(within)
        if running := chosen.await_end(limit):
            names = ", ".join(map(str, running[:3]))
            raise AssertionError(f"{len(running)} of {len(chosen.inferences)} inferences of the load have not ended within {limit:g} s: {names}")
        if chosen.problem:
            raise AssertionError(f"the load ended by itself after {len(chosen.inferences)} inferences: {chosen.problem}")
        logger.info(_numbers(chosen))

    @keyword
    @asserting(str, "value: a number for counts, a time such as `200 ms` for times")
    def get_load_statistic(self, statistic: LoadStatistic, *, code: str | None = None, load: SteadyLoad | LocustLoad | None = None, check: Check) -> Any:
        """Reads a statistic of a load, and checks it if an operator is given.

        Args:
            statistic: Which one: a count, or the median, 95th percentile or maximum of the time to the first token or to the last one.
            code: Only inferences that ended with this error code or HTTP status, such as `ALL_SLOTS_BUSY` or `503`.
            load: Load from `Keep Submitting` or `Start Load`; default: the latest one. One of Locust has its statistics when it is over.

        Returns:
            A number, or a time.
        """
        chosen = self._chosen(load)
        check = replace(check, expected=_like(chosen.read(statistic), check.expected)) if check.operator is not None else check
        what = f"{statistic.value} of the load" + (f" with {code}" if code else "")
        return self._session.verify(what, lambda: chosen.read(statistic, code), check)

    def _chosen(self, load: SteadyLoad | LocustLoad | None) -> SteadyLoad | LocustLoad:
        """The given load, else the latest one of this test, or of Locust in a suite around it."""
        if load is not None:
            return load
        latest = self._latest
        is_here = self._session.programs.process_or_none(latest.name) if isinstance(latest, LocustLoad) else latest in self._session.inferences.loads
        if latest is None or not is_here:
            raise UsageError("this test has no load: begin one with Keep Submitting    every=100ms, or with Start Load    users=10")
        return latest

    @keyword
    def run_at_once(self, *calls: Any) -> list[Any]:
        """Runs several keyword calls, separated by `AND`, at the same moment; returns their results in the order of the calls.

        Threads that wait at one barrier start them together. Keywords of libraries can be called, also of other ones, such as `POST` of RequestsLibrary; user
        keywords cannot. The keyword waits for all of them. What they log is not shown.

        Args:
            calls: Names of keywords with their arguments, separated by `AND`.

        Returns:
            The results.

        Raises:
            AssertionError: calls failed; the message has the errors of all of them.
            UsageError: a call names no keyword of a library.
        """
        prepared = [_prepared(words) for words in _calls(calls)]
        if not 2 <= len(prepared) <= _MOST_AT_ONCE:
            raise UsageError(f"Run At Once needs 2 to {_MOST_AT_ONCE} calls separated by AND, got {len(prepared)}")
        barrier = Barrier(len(prepared))

        def call(number: int) -> tuple[Any, str]:
            name, method, positional, named = prepared[number]
            barrier.wait(_BARRIER_LIMIT)
            try:
                return method(*positional, **named), ""
            except Exception as error:
                return None, f"{name} (call {number + 1}): {error}"

        with ThreadPoolExecutor(len(prepared)) as pool:
            results = list(pool.map(call, range(len(prepared))))
        if errors := [error for _, error in results if error]:
            raise AssertionError("\n".join([f"{len(errors)} of {len(results)} calls failed:", *errors]))
        return [value for value, _ in results]


def _numbers(load: SteadyLoad | LocustLoad) -> str:
    return "the load is over: " + ", ".join(f"{statistic.value} {load.read(statistic)}" for statistic in LoadStatistic)


def _like(value: float | timedelta, expected: Any) -> Any:
    """The expected value, in the type of what it is compared with."""
    try:
        if isinstance(value, timedelta):
            return timedelta(seconds=timestr_to_secs(expected))
        number = float(expected)
        return int(number) if number.is_integer() else number
    except ValueError:
        kind = "a time such as 200 ms" if isinstance(value, timedelta) else "a number"
        raise UsageError(f"{expected!r} cannot be compared with this statistic: expected {kind}") from None


def _calls(words: tuple[Any, ...]) -> list[list[Any]]:
    calls: list[list[Any]] = [[]]
    for word in words:
        if isinstance(word, str) and word == "AND":
            calls.append([])
        else:
            calls[-1].append(word)
    return calls


def _prepared(words: list[Any]) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """A call with its arguments converted, as Robot Framework would do it."""
    if not words or not isinstance(words[0], str):
        raise UsageError("a call between AND and AND is empty: expected a keyword with its arguments")
    name, *arguments = words
    found = EXECUTION_CONTEXTS.current.get_runner(name).keyword
    if not hasattr(found, "method"):
        why = found.error or "it is a user keyword, and only keywords of libraries can run beside others"
        raise UsageError(f"{name} cannot run at once with others: {why}")
    positional, named = found.resolve_arguments(arguments)
    return name, found.method, positional, dict(named)
