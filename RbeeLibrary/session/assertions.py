"""Reading is asserting: `Get X    ==    value    within=5s`. One wait loop for all, one log line per wait."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from ..errors import UsageError

Value = TypeVar("Value")

_CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda value, expected: bool(value == expected),
    "!=": lambda value, expected: bool(value != expected),
    "<": lambda value, expected: bool(value < expected),
    "<=": lambda value, expected: bool(value <= expected),
    ">": lambda value, expected: bool(value > expected),
    ">=": lambda value, expected: bool(value >= expected),
    "contains": lambda value, expected: expected in value,
    "not contains": lambda value, expected: expected not in value,
    "starts": lambda value, expected: bool(value.startswith(expected)),
    "ends": lambda value, expected: bool(value.endswith(expected)),
    "matches": lambda value, expected: re.search(expected, value) is not None,
    "not matches": lambda value, expected: re.search(expected, value) is None,
}


class Operator(str):
    """How a value is compared.

    `==`, `!=`, `<`, `<=`, `>` and `>=` for values of any type; for texts also `contains`, `not contains`, `starts`, `ends`, and, with a regular expression
    that may match anywhere in the text, `matches` and `not matches`.
    """

    @classmethod
    def convert(cls, text: str) -> Operator:
        """Reads one, in any case."""
        plain = " ".join(str(text).lower().split())
        if plain not in _CHECKS:
            raise ValueError(f"expected one of {', '.join(_CHECKS)}")
        return cls(plain)


_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


class NotYet(Exception):
    """There is no value to read yet; the reading is repeated within the patience."""


class Hopeless(AssertionError):
    """Waiting on cannot help: what was waited for has ended."""

    ROBOT_SUPPRESS_NAME = True


@dataclass(frozen=True)
class Check:
    """What a reading is compared with.

    Args:
        operator: how to compare, None = only read.
        expected: what to compare with; has the type of the value.
        within: patience of this call in real time, None = the library's.
        message: replaces the text of a failure; `{value}` and `{expected}` are filled in.
    """

    operator: str | None = None
    expected: Any = None
    within: timedelta | None = None
    message: str | None = None


Pause = Callable[[float], object]
"""Waits at most so many seconds, less if the run reports something."""


def repeat_until(look: Callable[[], Value], is_enough: Callable[[Value], bool], limit: float, pause: Pause) -> Value:
    """Repeats a look until it is good enough or the limit is over: the one wait loop of the package.

    Args:
        look: reads a value.
        is_enough: whether to stop with this value.
        limit: seconds of real time.
        pause: waits between two looks.

    Returns:
        The last value.
    """
    deadline = time.monotonic() + limit
    length = _FIRST_PAUSE
    while not is_enough(value := look()) and (left := deadline - time.monotonic()) > 0:
        pause(min(length, left))
        length = min(length * 1.5, _LONGEST_PAUSE)
    return value


class Verifier:
    """Reads a value and, with an operator, reads again until it fits or patience ends.

    Args:
        patience: returns the default of `within=`, in seconds.
        pause: waits between two readings.
        log: takes the one line about a wait.
        hint: says what may be in the way of a wait that failed, for the end of its message.
    """

    def __init__(self, patience: Callable[[], float], pause: Pause, log: Callable[[str], None], hint: Callable[[], str] = str):
        self._patience = patience
        self._pause = pause
        self._log = log
        self._hint = hint

    def __call__(self, what: str, read: Callable[[], Value], check: Check) -> Value:
        """Reads a value and checks it.

        Args:
            what: name of the value in log lines and messages.
            read: reads it; may raise NotYet, or Hopeless to end the wait.
            check: what to compare with.

        Raises:
            AssertionError: the value did not fit within the patience.
        """
        patience = self._patience() if check.within is None else check.within.total_seconds()
        started = time.monotonic()
        value, problem = repeat_until(lambda: self._look(read, check.operator, check.expected), lambda seen: seen[1] is None, patience, self._pause)
        waited = time.monotonic() - started
        if problem is None:
            self._log(f"{what} is {shown(value)}{_after(waited)}")
            return value  # type: ignore[return-value]
        if check.message is not None:
            raise AssertionError(check.message.replace("{value}", shown(value)).replace("{expected}", shown(check.expected)))
        raise AssertionError(f"{what} {problem}{_after(waited, always=True)}{self._hint() if waited else ''}")

    def _look(self, read: Callable[[], Value], operator: str | None, expected: Any) -> tuple[Value | None, str | None]:
        try:
            value = read()
        except NotYet as reason:
            return None, f"{reason}" if operator is None else f"{reason}, expected {operator} {shown(expected)}"
        if operator is None:
            return value, None
        try:
            fits = _CHECKS[operator](value, expected)
        except (TypeError, AttributeError):
            raise AssertionError(f"{what_type(value)} cannot be compared by {operator} with {what_type(expected)}") from None
        except re.error as error:
            raise UsageError(f"{expected!r} is no regular expression: {error}") from None
        return value, None if fits else f"is {shown(value)}, expected {operator} {shown(expected)}"


def shown(value: Any) -> str:
    """A value as a log line shows it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds() * 1000:g} ms"
    if isinstance(value, list) and value and all(isinstance(item, timedelta) for item in value):
        return "[" + ", ".join(f"{item.total_seconds():g} s" for item in value) + "]"
    text = str(getattr(value, "value", value))
    if isinstance(value, str) and not hasattr(value, "value"):
        text = repr(text)
    return text if len(text) <= 300 else f"{text[:140]} ... {text[-140:]}"


def what_type(value: Any) -> str:
    """A value with its type, for messages."""
    return f"{type(value).__name__} {shown(value)}"


def _after(seconds: float, *, always: bool = False) -> str:
    if seconds < 0.001 and not always:
        return ""
    return f" (after {seconds * 1000:.0f} ms)" if seconds < 1 else f" (after {seconds:.1f} s)"
