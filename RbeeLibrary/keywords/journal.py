"""The group Journal: requests that the programs received, their order and their distances in time."""

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..errors import CannotJudge, UsageError, check_known
from ..journal.reader import RequestRecord, WantedRequest, nearest
from ..journal.record_kinds import RECORD_KINDS, SEEN_FROM_OUTSIDE
from ..protocol.schema.routes import SERVICES
from ..session.assertions import Check, NotYet, repeat_until
from ..session.journals import Gaps
from ..session.run import OWN_JOURNAL
from ..session.session import Session
from ..session.types import Daemon, Mark
from .argument_types import Default, RequestPath, Span, StatusCode, services_with
from .option_arguments import asserting

_TOLERANCE: Any = Default(timedelta(milliseconds=50))
_AT_ONCE: Any = Default(timedelta(0))


class JournalKeywords:
    """Keywords of the group Journal. They read the journal files of the programs and send no requests."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def mark_journal(self) -> Mark:
        """Returns a mark for the present moment, for `since=` of other keywords.

        Returns:
            The mark.
        """
        return self._session.journals.mark()

    @keyword
    def get_requests(
        self, name: str | Daemon, method: str | None = None, path: RequestPath = None, *, status: StatusCode = None, since: Mark = None
    ) -> list[RequestRecord]:
        """Reads the requests that a fake has received, in order of arrival.

        Args:
            name: Name or object of a program.
            method: Only requests with this method, such as `POST`; `${None}` for all.
            path: Only requests with this path, such as `/v1/inference`; a `*` at its end matches any rest; `${None}` for all.
            status: Only requests that were answered with this HTTP status; a running request has none.
            since: Only requests after this mark, from `Mark Journal`.

        Returns:
            Records with `program`, `method`, `path`, `query`, `status`, `caller`, `correlation_id`, `request_id`, `headers`, `body`, `start`, `end`.
        """
        return self._session.journals.requests(self._wanted(name, method, path, status), since)

    @keyword
    @asserting(int, "number")
    def get_request_count(
        self, name: str | Daemon, method: str | None, path: RequestPath | None, *, status: StatusCode = None, since: Mark = None, check: Check
    ) -> int:
        """Counts the requests that a fake has received, and checks the number if an operator is given.

        If the number is wrong, the message lists the most similar requests.

        Args:
            name: Name or object of a program.
            method: Only requests with this method, such as `POST`; `${None}` for all.
            path: Only requests with this path; a `*` at its end matches any rest; `${None}` for all.
            status: Only requests that were answered with this HTTP status; a running request has none.
            since: Only requests after this mark, from `Mark Journal`.

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
    @asserting(list[timedelta], "gaps")
    def get_request_gaps(
        self, name: str | Daemon, method: str, path: RequestPath, *, tolerance: Span = _TOLERANCE, since: Mark = None, check: Check
    ) -> list[timedelta]:
        """Reads the times between requests on the run's clock, and checks them if an operator is given.

        `Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1s', '2s', '4s']`

        Args:
            name: Name or object of a program.
            method: Only requests with this method, such as `POST`.
            path: Only requests with this path; a `*` at its end matches any rest.
            tolerance: Greatest difference at which two times still count as equal.
            since: Only requests after this mark, from `Mark Journal`.

        Returns:
            The times between each request and the next.
        """
        wanted = self._wanted(name, method, path, None)

        def read() -> list[timedelta]:
            starts = [record.start for record in self._session.journals.requests(wanted, since)]
            if not starts:
                raise NotYet(f"cannot be read, {name} has received no {method} {path}")
            return Gaps([timedelta(seconds=later - earlier) for earlier, later in zip(starts, starts[1:], strict=False)], tolerance)

        return self._session.verify(f"gaps between requests {method} {path} at {name}", read, check)

    @keyword
    def requests_should_be_in_order(self, *requests: str, since: Mark = None, within: Span = None) -> None:
        """Checks that requests arrived in this order, across all programs; other requests may lie between them.

        If one is missing, the message lists the three most similar requests, also those at other programs and those that came too early.

        Args:
            requests: Requests as program, method and path, such as `hive GET /v1/health`; a `*` at the end of the path matches any rest.
            since: Only requests after this mark, from `Mark Journal`.
            within: How long to wait, in real time; default: the library's `within`.

        Raises:
            AssertionError: a request is missing or came too early.
        """
        wanted = [_parse(request) for request in requests]
        for request in wanted:
            self._session.programs.find(request.program)

        def read() -> tuple[int, int, list[RequestRecord]]:
            received = self._session.journals.all_requests(since)
            return (*_follow(wanted, received), received)

        patience, pause = self._session.settings.within(within), self._session.run.supervisor.await_news
        position, last, received = repeat_until(read, lambda result: result[0] == len(wanted), patience, pause)
        if position < len(wanted):
            before = f"after {wanted[position - 1]}" if position else "at all"
            raise AssertionError(_with_nearest(f"{wanted[position]} did not come {before}", nearest(wanted[position], received, last)))
        logger.info(f"{len(wanted)} requests came in this order")

    @keyword
    def no_request_should_come(self, name: str | Daemon, method: str | None, path: RequestPath | None, *, during: Span = _AT_ONCE, since: Mark = None) -> None:
        """Checks that a program has not received a request, and does not receive it for a while.

        Args:
            name: Name or object of a program.
            method: Only requests with this method, such as `POST`; `${None}` for all.
            path: Only requests with this path; a `*` at its end matches any rest; `${None}` for all.
            during: How long to keep watching, in real time.
            since: Only requests after this mark, from `Mark Journal`; default: since the start of the program.

        Raises:
            AssertionError: the program has received such a request.
        """
        wanted = self._wanted(name, method, path, None)
        pause = self._session.run.supervisor.await_news
        received = repeat_until(lambda: self._session.journals.requests(wanted, since), bool, during.total_seconds(), pause)
        if received:
            raise AssertionError(f"{received[0]} came from {received[0].caller or 'a client without a name'}, expected none")

    @keyword
    def get_records(self, name: str | Daemon | None, *kinds: str, since: Mark = None, **fields: Any) -> list[DotDict]:
        """Reads journal records of any kind, in order of time. Contract 18.

        Args:
            name: Name or object of a program, `library` for actions of the test (clock steps, signals), or `${None}` for all.
            kinds: Kinds of records, such as `state`, `process_exited`, `token`, `health_miss`, `signal`, `fault`, `clock_step`; default: all.
            since: Only records after this mark, from `Mark Journal`.
            fields: Only records with these values, compared as text, such as `worker_id=worker-1` or `reason=idle`.

        Returns:
            Records with `record` (kind), `name` (program), `ns` and `clock` (time on the machine's and on the run's clock), and the fields of their kind.
        """
        for kind in kinds:
            check_known(kind, RECORD_KINDS, "kind of record")
            if name is not None and kind not in SEEN_FROM_OUTSIDE and self._session.programs.is_real(str(name)):
                seen = ", ".join(sorted(SEEN_FROM_OUTSIDE))
                raise CannotJudge(f"{name} is a real program, which writes no records of kind {kind}; from outside are seen {seen}")
        names = None if name is None else [str(name) if str(name) == OWN_JOURNAL else self._session.programs.find(name).name]
        return [DotDict(entry) for entry in self._session.journals.records(names, kinds, since, **fields)]

    def _wanted(self, name: str | Daemon, method: str | None, path: RequestPath | None, status: int | None) -> WantedRequest:
        daemon = self._session.programs.find(name)
        if path is not None and daemon.role in SERVICES and daemon.role not in services_with(path):
            raise UsageError(f"a {daemon.role} has no route {path}; its routes are {', '.join(dict.fromkeys(route.path for route in SERVICES[daemon.role]))}")
        return WantedRequest(daemon.name, method, path, status)


def _follow(wanted: list[WantedRequest], received: list[RequestRecord]) -> tuple[int, int]:
    """Number of wanted requests that were received in order, and arrival of the last of them in monotonic nanoseconds."""
    position, last = 0, 0
    for record in received:
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
