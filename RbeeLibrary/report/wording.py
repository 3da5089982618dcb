"""Words for what records say, which several sentences have in common."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from .history import Record

LIBRARY = "RbeeLibrary"
"""Name of the caller in requests of the library itself."""


def is_probe(request: Record) -> bool:
    """Whether the request is a GET of the library itself, which changes nothing."""
    return request.get("method") == "GET" and str(request.get("caller")).startswith(LIBRARY)


def ending_of(record: Record) -> str:
    """How a process ended: name of the signal, or exit code."""
    number = record.get("signal")
    return signal.Signals(number).name if number else f"exit code {record.get('exit_code')}"


def request_line(request: Record) -> str:
    """Method and path of a request."""
    return f"{request.get('method')} {request.get('path')}"


def span(nanoseconds: int) -> str:
    """A time for a person to read."""
    milliseconds = nanoseconds / 1e6
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def counted(number: int, what: str) -> str:
    """A number with its noun: `1 token`, `2 tokens`, `2 processes`."""
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
