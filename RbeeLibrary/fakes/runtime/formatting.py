"""Formats texts and times for logs and messages."""

from __future__ import annotations

from datetime import datetime, timezone


def printable(text: str) -> str:
    """Escapes control characters, so that the text cannot break a log."""
    return text if text.isprintable() else "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def iso_time(seconds: float) -> str:
    """Formats seconds since 1970 as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; None for any other text, which a real program may send."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
