"""The group Journal: which requests the programs received, in which order, how far apart."""

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..journal.reader import RequestRecord, WantedRequest, entries, first_stamp, nearest, requests
from ..report.cause import open_ends
from ..session.assertions import Check, NotYet, UsageError
from ..session.launcher import output_folder
from ..session.session import OWN_JOURNAL, Session, seconds
from ..session.types import Daemon, Mark
from .option_arguments import asserting

_REPORT_LIMIT = 0.5


class Gaps(list[timedelta]):
    """Times between requests; equal to others within a tolerance."""

    def __init__(self, values: list[timedelta], tolerance: timedelta):
        super().__init__(values)
        self._tolerance = tolerance

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, list) and len(other) == len(self) and all(abs(mine - theirs) <= self._tolerance for mine, theirs in zip(self, other, strict=True))
        )

    def __ne__(self, other: object) -> bool:
        return not self == other


class JournalKeywords:
    """The group Journal. Reads the files that the programs write; asks nobody."""

    def __init__(self, context: Session):
        self._context = context

    @keyword
    def mark_journal(self) -> Mark:
        """Returns a mark of this moment, for `since=` of the other keywords of this group.

        Returns:
            The mark.
        """
        return Mark(time.monotonic_ns())

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
        wanted = WantedRequest(self._context.find(name).name, method, path, status)
        return [record for record in self._requests(wanted.program, since) if wanted.fits(record)]

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
        wanted = WantedRequest(self._context.find(name).name, method, path, status)
        try:
            return self._context.verify(f"number of requests {wanted}", lambda: len(self.get_requests(name, method, path, status=status, since=since)), check)
        except AssertionError as error:
            raise AssertionError(_with_nearest(str(error), nearest(wanted, self._all_requests(since), 0))) from None

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

        def read() -> list[timedelta]:
            starts = [record.start for record in self.get_requests(name, method, path, since=since)]
            if not starts:
                raise NotYet(f"cannot be read, no {method} {path} has come to {name}")
            return Gaps([timedelta(seconds=later - earlier) for earlier, later in zip(starts, starts[1:], strict=False)], tolerance)

        return self._context.verify(f"gaps between requests {method} {path} at {name}", read, check)

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
            self._context.find(request.program)
        deadline = time.monotonic() + seconds(within, self._context.settings.now.within)
        while True:
            came = self._all_requests(since)
            position, last = _follow(wanted, came)
            if position == len(wanted):
                logger.info(f"{len(wanted)} requests came in this order")
                return
            if time.monotonic() >= deadline:
                break
            self._context.supervisor.await_news(0.02)
        before = f"after {wanted[position - 1]}" if position else "at all"
        message = f"{wanted[position]} did not come {before}"
        raise AssertionError(_with_nearest(message, nearest(wanted[position], came, last)))

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
        deadline = time.monotonic() + during.total_seconds()
        while True:
            came = self.get_requests(name, method, path, since=since)
            if came:
                raise AssertionError(f"{came[0]} came from {came[0].caller}, expected none")
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._context.supervisor.await_news(min(left, 0.02))

    @keyword
    def get_records(self, name: str | Daemon | None, *kinds: str, since: Mark | None = None) -> list[DotDict]:
        """Reads journal records of any kind, in the order in which things happened. Contract 18.

        Args:
            name: Name or object of a program, `library` for what the test did (steps of the clock, signals), `${None}` for all together.
            kinds: Only these, such as `state`, `process_exited`, `token`, `health_miss`, `signal`, `fault`, `clock_step`; default: all.
            since: Only those after this mark, from `Mark Journal`.

        Returns:
            Records with `record`, `name` of the program, `ns` and `clock` (when, on the machine's and on the run's clock), and the fields of their kind.
        """
        names = None if name is None else [str(name) if str(name) == OWN_JOURNAL else self._context.find(name).name]
        return [DotDict(entry) for entry in self.read(names, kinds, since)]

    def read(self, names: list[str] | None = None, kinds: Sequence[str] = (), since: Mark | None = None, *, tokens: bool = True) -> list[dict[str, Any]]:
        """The same as plain dictionaries, of several programs; None = of all, and of the library."""
        if names is None:
            names = [*{process.name for process in self._context.supervisor.processes()}, OWN_JOURNAL]
        found = [
            {**entry, "name": one}
            for one in names
            for path in journals(self._context, one)
            for entry in entries(path, tokens=tokens)
            if (not kinds or entry.get("record") in kinds) and (since is None or entry["ns"] >= since.ns)
        ]
        return sorted(found, key=lambda entry: entry["ns"])

    def settled(self, since: Mark | None = None, *, tokens: bool = True) -> list[dict[str, Any]]:
        """All records, and the ends that no program reports: of what the library itself started, and of what outlived its parent.

        What was killed is gone at once, but its end is reported a moment later: that moment is waited for.
        """
        deadline = time.monotonic() + _REPORT_LIMIT
        while True:
            ends = self._ends(since)  # first: what a program reports is in its journal before anybody hears of it
            read = self.read(None, (), since, tokens=tokens)
            reported = {record.get("child") for record in read if record.get("record") == "process_exited"}
            records = sorted([*read, *(end for end in ends if end["child"] not in reported)], key=lambda record: record["ns"])
            if not any(map(self._may_be_reported, open_ends(records))) or time.monotonic() >= deadline:
                return records
            self._context.supervisor.await_news(0.02)

    def _may_be_reported(self, name: str) -> bool:
        """Whether somebody is there to report an end: a frozen hive reports nothing."""
        process = self._context.process_or_none(name)
        owner = next((one for one in self._context.supervisor.processes() if process is not None and one.pid == process.ppid), None)
        return owner is None or not (owner.alive and owner.frozen)

    def _ends(self, since: Mark | None) -> list[dict[str, Any]]:
        return [
            {
                "record": "process_exited",
                "name": OWN_JOURNAL,
                "pid": os.getpid(),
                "role": process.name,
                "child": process.pid,
                "ns": int(process.ended * 1e9),
                "exit_code": process.exit_code if process.exit_code >= 0 else None,
                "signal": -process.exit_code if process.exit_code < 0 else None,
            }
            for process in self._context.supervisor.processes()
            if process.ended is not None and process.exit_code is not None
            if since is None or process.ended * 1e9 >= since.ns
        ]

    def _requests(self, name: str, since: Mark | None) -> list[RequestRecord]:
        found = requests(name, journals(self._context, name))
        return [record for record in found if since is None or record.ns >= since.ns]

    def _all_requests(self, since: Mark | None) -> list[RequestRecord]:
        names = {process.name for process in self._context.supervisor.processes()}
        return sorted((record for name in names for record in self._requests(name, since)), key=lambda record: record.ns)


def journals(context: Session, name: str) -> list[Path]:
    """The journals of all processes that had a name, oldest first."""
    folder = output_folder(context, name)
    return sorted((path for path in folder.glob(f"{name}-*.jsonl") if path.stem[len(name) + 1 :].isdigit()), key=first_stamp)


def last_state(context: Session, name: str, pid: int) -> str:
    """The state that a program recorded last; empty for one that keeps no journal. Asks nobody, so it never waits."""
    states = [entry["to"] for entry in entries(output_folder(context, name) / f"{name}-{pid}.jsonl") if entry.get("record") == "state"]
    return str(states[-1]) if states else ""


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
