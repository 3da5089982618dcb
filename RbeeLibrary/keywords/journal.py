"""The group Journal: which requests a program received, in which order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api.deco import keyword

from ..assertions import Check, UsageError
from .context import RunContext
from .declared import asserting
from .launching import output_folder
from .types import Daemon


@dataclass(frozen=True)
class RequestRecord:
    """A request that a program received: `${r.method}`, `${r.path}`, `${r.status}`, `${r.caller}`, `${r.body}`, `${r.start}`, `${r.end}`."""

    program: str
    method: str
    path: str
    query: str
    status: int | None
    caller: str | None
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    start: float = 0.0
    end: float = 0.0

    def __str__(self) -> str:
        return f"{self.program} {self.method} {self.path}"


class JournalKeywords:
    """The group Journal. Reads the files that the programs write; asks nobody."""

    def __init__(self, context: RunContext):
        self._context = context

    @keyword
    def get_requests(self, name: str | Daemon, method: str | None = None, path: str | None = None) -> list[RequestRecord]:
        """Reads the requests that a fake has answered, in the order in which they began.

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`.
            path: Only these, such as `/v1/inference`; a path that ends in `*` stands for all that begin like it.

        Returns:
            Records with `method`, `path`, `query`, `status`, `caller`, `headers` (keys masked), `body`, `start`, `end`.
        """
        return [record for record in self._requests(name) if method in (None, record.method) and _fits(path, record.path)]

    @keyword
    @asserting(int, "the number")
    def get_request_count(self, name: str | Daemon, method: str | None, path: str | None, *, check: Check) -> int:
        """Counts the requests that a fake has answered, and checks the number if an operator is given.

        Args:
            name: Name or object of a program.
            method: Only these, such as `POST`; `${None}` for all.
            path: Only these; a path that ends in `*` stands for all that begin like it; `${None}` for all.

        Returns:
            The number.
        """
        what = " ".join(word for word in ("number of requests", method, path, "at", str(name)) if word)
        return self._context.verify(what, lambda: len(self.get_requests(name, method, path)), check)

    @keyword
    def requests_should_be_in_order(self, *requests: str, within: timedelta | None = None) -> None:
        """Checks that requests began in this order; others may lie between them.

        Args:
            requests: Each as program, method and path: `hive GET /v1/health`.
            within: Patience in real time; the default is the library's.

        Raises:
            AssertionError: one is missing or came too early; the message shows what came.
        """
        wanted = [_parse(request) for request in requests]

        def missing() -> str:
            came = sorted((record for name in dict.fromkeys(name for name, _, _ in wanted) for record in self._requests(name)), key=lambda record: record.start)
            position = 0
            for record in came:
                if position < len(wanted) and (record.program, record.method) == wanted[position][:2] and _fits(wanted[position][2], record.path):
                    position += 1
            if position == len(wanted):
                return ""
            return f"{requests[position]} missing after {requests[position - 1] if position else 'the start'}; came: {', '.join(map(str, came)) or 'nothing'}"

        self._context.verify("first request out of order", missing, Check("==", "", within))

    def _requests(self, name: str | Daemon) -> list[RequestRecord]:
        found = self._context.find(name).name
        records = []
        for path in output_folder(self._context, found).glob(f"{found}-*.jsonl"):
            records += [
                _record(found, entry) for line in path.read_text(encoding="utf-8").splitlines() if (entry := _entry(path, line)).get("record") == "request_in"
            ]
        return sorted(records, key=lambda record: record.start)


def last_state(context: RunContext, name: str, pid: int) -> str:
    """The state that a program recorded last; empty for one that keeps no journal. Asks nobody, so it never waits."""
    path = output_folder(context, name) / f"{name}-{pid}.jsonl"
    if not path.exists():
        return ""
    states = [entry["to"] for line in path.read_text(encoding="utf-8").splitlines() if (entry := _entry(path, line)).get("record") == "state"]
    return str(states[-1]) if states else ""


def _entry(path: Path, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}  # the last line of a program that is writing it, or was killed while it did
    return entry if isinstance(entry, dict) else {}


def _record(program: str, entry: dict[str, Any]) -> RequestRecord:
    known = {name: entry[name] for name in ("method", "path", "query", "status", "caller", "body", "headers", "start", "end") if entry.get(name) is not None}
    return RequestRecord(program, **{"query": "", "status": None, "caller": None, **known})


def _fits(pattern: str | None, path: str) -> bool:
    return pattern is None or (path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern)


def _parse(text: str) -> tuple[str, str, str]:
    words = text.split()
    if len(words) != 3:
        raise UsageError(f"{text!r} is not a request: expected program, method and path, such as: hive GET /v1/health")
    return words[0], words[1].upper(), words[2]
