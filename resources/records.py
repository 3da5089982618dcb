"""Takes lists of records apart, so that suites need no Python expressions."""

import time
from typing import Any

from robot.api.deco import keyword, library

_MISSING = object()


class _Fields(dict):
    """Fields of one record for `str.format_map`; a missing field is `-`."""

    def __init__(self, record: Any):
        self._record = record

    def __getitem__(self, name: str) -> Any:
        return _field(self._record, name, "-")


def _field(record: Any, name: str, *default: Any) -> Any:
    otherwise = default[0] if default else _MISSING
    value = record.get(name, otherwise) if isinstance(record, dict) else getattr(record, name, otherwise)
    if value is _MISSING:
        known = record if isinstance(record, dict) else vars(record)
        raise AssertionError(f"a record has no field {name!r}, it has {', '.join(map(str, known))}")
    return value


@library(scope="GLOBAL")
class records:
    """Works on journal records, requests, timers, rows and JSON objects: dictionaries, or objects with attributes."""

    @keyword
    def get_field_of_each(self, items: list, name: str) -> list:
        """Returns this field of every record; fails if a record does not have it."""
        return [_field(item, name) for item in items]

    @keyword
    def format_each(self, items: list, template: str) -> list[str]:
        """Returns one text for every record: `{worker_id} {record}`, for example. A field that a record lacks becomes `-`."""
        return [template.format_map(_Fields(item)) for item in items]

    @keyword
    def get_gaps(self, items: list, after: str | None = None, field: str = "clock") -> list[int]:
        """Returns the milliseconds of the run's clock between each record and the next one.

        Args:
            items: the records.
            after: only gaps that begin at a record of this kind.
            field: where a record has its time, in seconds.
        """
        pairs = zip(items, items[1:], strict=False)
        return [round(1000 * (_field(late, field) - _field(early, field))) for early, late in pairs if after in (None, _field(early, "record", ""))]

    @keyword
    def should_be_between(self, value: float, lowest: float, highest: float) -> None:
        """Checks that a number is not below the first limit and not above the second one."""
        if not lowest <= value <= highest:
            raise AssertionError(f"{value} is not between {lowest} and {highest}")

    @keyword
    def should_be_greater_than(self, value: float, limit: float, msg: str = "") -> None:
        """Checks that a number is above the limit."""
        if not value > limit:
            raise AssertionError(msg or f"{value} is not greater than {limit}")

    @keyword
    def get_monotonic_time(self) -> float:
        """Returns seconds of real time from an arbitrary start, to measure how long something takes."""
        return time.monotonic()
