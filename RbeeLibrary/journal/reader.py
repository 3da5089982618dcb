"""Reads the journals of programs and assembles requests from their records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

NEAREST = 3


@dataclass
class RequestRecord:
    """A request that a program received: `${r.method}`, `${r.path}`, `${r.status}`, `${r.caller}`, `${r.body}`, `${r.start}`, `${r.end}`.

    `start` and `end` are seconds of the run's clock; `ns` is the time of arrival on the machine's clock (monotonic nanoseconds). Status and end are None
    while the request is not answered. The caller is the User-Agent of the sender, empty if it sent none, as real programs do.
    """

    program: str
    ns: int
    method: str
    path: str
    query: str = ""
    status: int | None = None
    caller: str = ""
    correlation_id: str | None = None
    request_id: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    start: float = 0.0
    end: float | None = None

    def __str__(self) -> str:
        return f"{self.program} {self.method} {self.path}"


@dataclass(frozen=True)
class WantedRequest:
    """Pattern for requests: None matches any value, a path that ends in `*` matches all paths with this prefix.

    A status matches only requests that were answered with it; a request that still runs has no status.
    """

    program: str
    method: str | None
    path: str | None
    status: int | None = None

    def __str__(self) -> str:
        answered = f"answered with {self.status}" if self.status is not None else None
        return " ".join(word for word in (self.program, self.method, self.path, answered) if word)

    def fits(self, record: RequestRecord) -> bool:
        """Whether a request matches."""
        if record.program != self.program or self.method not in (None, record.method) or self.status not in (None, record.status):
            return False
        if self.path is None:
            return True
        return record.path.startswith(self.path[:-1]) if self.path.endswith("*") else record.path == self.path


def entries(path: Path, *, tokens: bool = True) -> Iterator[dict[str, Any]]:
    """Records of one file, with or without token records; skips lines that are incomplete because they are being written or their writer was killed."""
    if not path.exists():
        return
    for line in path.read_bytes().rstrip().splitlines():
        if not tokens and b'"record":"token"' in line:
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def first_stamp(path: Path) -> int:
    """Time of the first record of a journal in monotonic nanoseconds; 0 if it is empty."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        return int(json.loads(line)["ns"])
    except (ValueError, KeyError, TypeError):
        return 0


def requests(program: str, paths: Iterable[Path]) -> list[RequestRecord]:
    """Requests that a program received, in order of arrival.

    Args:
        program: name of the program.
        paths: its journals, one for every process of this name.
    """
    found = []
    for path in paths:
        open_requests: dict[int, RequestRecord] = {}
        for entry in entries(path):
            kind, number = entry.get("record"), entry.get("n", -1)
            if kind == "request_in":
                known = {name: entry[name] for name in ("query", "caller", "correlation_id", "body", "headers", "start") if entry.get(name) is not None}
                open_requests[number] = record = RequestRecord(program, entry["ns"], entry["method"], entry["path"], **known)
                found.append(record)
            elif kind in ("answered", "request_end") and number in open_requests:
                record = open_requests[number]
                record.status = entry.get("status", record.status)
                record.request_id = entry.get("request_id", record.request_id)
                record.end = entry.get("end", record.end)
    return sorted(found, key=lambda record: record.ns)


def nearest(wanted: WantedRequest, records: list[RequestRecord], after: int) -> list[str]:
    """Describes the received requests that are most similar to a missing one, each with its differences.

    Args:
        wanted: the missing request.
        records: all requests of all programs.
        after: time after which the request was expected (monotonic nanoseconds).
    """
    closest: dict[tuple[str, str, str], RequestRecord] = {}
    for record in records:
        key = (record.program, record.method, record.path)
        if key not in closest or abs(record.ns - after) < abs(closest[key].ns - after):
            closest[key] = record
    ranked = sorted(closest.values(), key=lambda record: (-_similarity(wanted, record), abs(record.ns - after)))
    return [f"{record} ({', '.join(_differences(wanted, record, after))})" for record in ranked[:NEAREST]]


def _similarity(wanted: WantedRequest, record: RequestRecord) -> float:
    path = SequenceMatcher(None, (wanted.path or record.path).rstrip("*"), record.path).ratio()
    return 2 * path + (wanted.program == record.program) + 0.5 * (wanted.method in (None, record.method))


def _differences(wanted: WantedRequest, record: RequestRecord, after: int) -> list[str]:
    found = []
    if wanted.program != record.program:
        found.append(f"at {record.program} instead of {wanted.program}")
    if wanted.method not in (None, record.method):
        found.append(f"{record.method} instead of {wanted.method}")
    if not WantedRequest(record.program, None, wanted.path).fits(record):
        found.append(f"path {record.path} instead of {wanted.path}")
    if wanted.status not in (None, record.status):
        found.append(f"{f'answered with {record.status}' if record.status is not None else 'not answered yet'} instead of {wanted.status}")
    if record.ns < after:
        found.append(f"{_duration(after - record.ns)} too early")
    return found or ["fits"]


def _duration(nanoseconds: int) -> str:
    milliseconds = nanoseconds / 1e6
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
