"""The group Journal: which requests the programs received, in which order, how far apart."""

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..errors import UsageError
from ..journal.reader import RequestRecord, WantedRequest, nearest
from ..session.assertions import Check, NotYet, repeat_until
from ..session.journals import Gaps
from ..session.run import OWN_JOURNAL
from ..session.session import Session
from ..session.types import Daemon, Mark
from .option_arguments import asserting


class JournalKeywords:
    """The group Journal. Reads the files that the programs write; asks nobody."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def mark_journal(self) -> Mark:
        """Returns a mark of this moment, for `since=` of the other keywords of this group.

        Returns:
            The mark.
        """
        return self._session.journals.mark()

    @keyword
    def get_requests(
        self, name: str | Daemon, method: str | None = None, path: str | None = None, *, status: int | None = None, since: Mark | None = None
    ) -> list[RequestRecord]:
        """Reads the requests that a fake has received, in order of their arrival.

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`; `${None}` for all.
            path: Only these, such as `/v1/inference`; a path that ends in `*` stands for all that begin like it; `${None}` for all.
            status: Only those that were answered with this HTTP status; one that still runs has none.
            since: Only those after this mark, from `Mark Journal`.

        Returns:
            Records with `program`, `method`, `path`, `query`, `status`, `caller`, `correlation_id`, `request_id`, `headers`, `body`, `start`, `end`.
        """
        return self._session.journals.requests(self._wanted(name, method, path, status), since)

    @keyword
    @asserting(int, "the number")
    def get_request_count(
        self, name: str | Daemon, method: str | None, path: str | None, *, status: int | None = None, since: Mark | None = None, check: Check
    ) -> int:
        """Counts the requests that a fake has received, and checks the number if an operator is given.

        A wrong number shows the nearest other requests.

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`; `${None}` for all.
            path: Only these; a path that ends in `*` stands for all that begin like it; `${None}` for all.
            status: Only those that were answered with this HTTP status; one that still runs has none.
            since: Only those after this mark, from `Mark Journal`.

        Returns:
            The number.
        """
        wanted = self._wanted(name, method, path, status)
        journals = self._session.journals
        try:
            return self._session.verify(f"number of requests {wanted}", lambda: len(journals.requests(wanted, since)), check)
        except AssertionError as error:
            raise AssertionError(_with_nearest(str(error), nearest(wanted, journals.all_requests(since), 0))) from None

    @keyword
    @asserting(list[timedelta], "the times")
    def get_request_gaps(
        self, name: str | Daemon, method: str, path: str, *, tolerance: timedelta = timedelta(milliseconds=50), since: Mark | None = None, check: Check
    ) -> list[timedelta]:
        """Reads how far apart on the run's clock requests arrived, and checks the times if an operator is given.

        `Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1s', '2s', '4s']`

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`.
            path: Only these; a path that ends in `*` stands for all that begin like it.
            tolerance: How far a time may be off and still be equal.
            since: Only those after this mark, from `Mark Journal`.

        Returns:
            The times between one request and the next.
        """
        wanted = self._wanted(name, method, path, None)

        def read() -> list[timedelta]:
            starts = [record.start for record in self._session.journals.requests(wanted, since)]
            if not starts:
                raise NotYet(f"cannot be read, no {method} {path} has come to {name}")
            return Gaps([timedelta(seconds=later - earlier) for earlier, later in zip(starts, starts[1:], strict=False)], tolerance)

        return self._session.verify(f"gaps between requests {method} {path} at {name}", read, check)

    @keyword
    def requests_should_be_in_order(self, *requests: str, since: Mark | None = None, within: timedelta | None = None) -> None:
        """Checks that requests arrived in this order, over all programs; others may lie between them.

        A miss shows the three requests that come nearest, also when they were at another program or too early.

        Args:
            requests: Each as program, method and path: `hive GET /v1/health`. A path that ends in `*` stands for all that begin like it.
            since: Only requests after this mark, from `Mark Journal`.
            within: Patience in real time; the default is the library's.

        Raises:
            AssertionError: one is missing or came too early.
        """
        wanted = [_parse(request) for request in requests]
        for request in wanted:
            self._session.programs.find(request.program)

        def look() -> tuple[int, int, list[RequestRecord]]:
            came = self._session.journals.all_requests(since)
            return (*_follow(wanted, came), came)

        patience, pause = self._session.settings.within(within), self._session.run.supervisor.await_news
        position, last, came = repeat_until(look, lambda seen: seen[0] == len(wanted), patience, pause)
        if position < len(wanted):
            before = f"after {wanted[position - 1]}" if position else "at all"
            raise AssertionError(_with_nearest(f"{wanted[position]} did not come {before}", nearest(wanted[position], came, last)))
        logger.info(f"{len(wanted)} requests came in this order")

    @keyword
    def no_request_should_come(
        self, name: str | Daemon, method: str | None, path: str | None, *, during: timedelta = timedelta(0), since: Mark | None = None
    ) -> None:
        """Checks that a request has not come, and does not come for a while.

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`; `${None}` for all.
            path: Only these; a path that ends in `*` stands for all that begin like it; `${None}` for all.
            during: For how long nothing may come, in real time.
            since: Nothing may have come since this mark; default: since the program was started.

        Raises:
            AssertionError: one has come.
        """
        wanted = self._wanted(name, method, path, None)
        pause = self._session.run.supervisor.await_news
        came = repeat_until(lambda: self._session.journals.requests(wanted, since), bool, during.total_seconds(), pause)
        if came:
            raise AssertionError(f"{came[0]} came from {came[0].caller}, expected none")

    @keyword
    def get_records(self, name: str | Daemon | None, *kinds: str, since: Mark | None = None, **fields: Any) -> list[DotDict]:
        """Reads journal records of any kind, in the order in which things happened. Contract 18.

        ```robotframework
        ${ends} =    Get Records    hive    process_exited    worker_id=worker-1
        ```

        Args:
            name: Name or object of a program, `library` for what the test did (steps of the clock, signals), `${None}` for all together.
            kinds: Only these, such as `state`, `process_exited`, `token`, `health_miss`, `signal`, `fault`, `clock_step`; default: all.
            since: Only those after this mark, from `Mark Journal`.
            fields: Only records with these values, such as `worker_id=worker-1` or `reason=idle`; values are compared as text.

        Returns:
            Records with `record`, `name` of the program, `ns` and `clock` (when, on the machine's and on the run's clock), and the fields of their kind.
        """
        names = None if name is None else [str(name) if str(name) == OWN_JOURNAL else self._session.programs.find(name).name]
        return [DotDict(entry) for entry in self._session.journals.records(names, kinds, since, **fields)]

    def _wanted(self, name: str | Daemon, method: str | None, path: str | None, status: int | None) -> WantedRequest:
        return WantedRequest(self._session.programs.find(name).name, method, path, status)


def _follow(wanted: list[WantedRequest], came: list[RequestRecord]) -> tuple[int, int]:
    """How many of the wanted ones came in order, and when the last of them did."""
    position, last = 0, 0
    for record in came:
        if position < len(wanted) and wanted[position].fits(record):
            position, last = position + 1, record.ns
    return position, last


def _with_nearest(message: str, near: list[str]) -> str:
    return "\n".join([f"{message}; {'nearest were' if near else 'nothing came anywhere'}", *(f"  {line}" for line in near)])


def _parse(text: str) -> WantedRequest:
    words = text.split()
    if len(words) != 3:
        raise UsageError(f"{text!r} is not a request: expected program, method and path, such as: hive GET /v1/health")
    return WantedRequest(words[0], words[1].upper(), words[2])
