"""Texts for logs and messages."""

from __future__ import annotations

from datetime import datetime, timezone


def printable(text: str) -> str:
    """Text that cannot break a log: control characters are escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def iso_time(seconds: float) -> str:
    """ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """Seconds of an ISO 8601 stamp; None if it is none (a real program may say anything)."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
