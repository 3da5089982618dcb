"""Durations and sizes in the notation of the command line (contract 1.4)."""

from __future__ import annotations

import re

MEBIBYTE = 1048576
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "": 1.0}
_BYTES = {"b": 1, "kb": 1024, "mb": MEBIBYTE, "gb": 1024 * MEBIBYTE, "": MEBIBYTE}
_NUMBER_AND_UNIT = re.compile(r"^(\d+(?:\.\d+)?)\s*([a-z]*)$")


class Duration(float):
    """Duration in seconds, written as `500ms`, `2s` or `5min`; a number without unit means seconds."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Parses a duration; the ValueError of a bad one lists the accepted forms."""
        return cls(_scaled(text, _SECONDS, "a duration such as 500ms, 2s, 5min or a number of seconds"))

    def __str__(self) -> str:
        value, unit = (float(self) * 1000, "ms") if 0 < self < 1 else (float(self), "s")
        return f"{value:.6f}".rstrip("0").rstrip(".") + unit


class ByteSize(int):
    """Size in bytes, written as `8000MB` or `5GB`; a number without unit means MB (1048576 bytes)."""

    @classmethod
    def parse(cls, text: str) -> ByteSize:
        """Parses a size; the ValueError of a bad one lists the accepted forms."""
        return cls(_scaled(text, _BYTES, "a size such as 8000MB, 5GB or a number of MB"))

    def __str__(self) -> str:
        return f"{int(self)}b"


def _scaled(text: str, units: dict[str, float] | dict[str, int], expected: str) -> float:
    match = _NUMBER_AND_UNIT.match(text.strip().lower())
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r} is not {expected}")
    return float(match[1]) * units[match[2]]
