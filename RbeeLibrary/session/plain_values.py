"""Values that callers of the Python API write: times and options."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from ..errors import UsageError, check_known
from ..protocol.options import DaemonOptions
from ..protocol.units import Duration

Time = float | str | timedelta
"""Seconds, a text such as `50ms` or `5min`, or a timedelta."""


def seconds(given: Time) -> float:
    """A time in seconds.

    Raises:
        UsageError: the text is not a time.
    """
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, str):
        try:
            return float(Duration.parse(given))
        except ValueError as error:
            raise UsageError(str(error)) from None
    return float(given)


def checked_options(given: dict[str, Any], *programs: type[DaemonOptions]) -> dict[str, Any]:
    """Option values as programs take them.

    Raises:
        UsageError: there is no such option.
    """
    known = {field.name for program in programs for field in dataclasses.fields(program)}
    for name in given:
        check_known(name, known, "option")
    return {name: Duration(value.total_seconds()) if isinstance(value, timedelta) else value for name, value in given.items()}
