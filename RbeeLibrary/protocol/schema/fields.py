"""Declaration of message fields, from which parsing, checks and descriptions follow (contract 1.3)."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from ..error_codes import RbeeError

Message = TypeVar("Message")
REQUIRED = dataclasses.MISSING
MAX_INTEGER = 2**63 - 1
ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"


@dataclass(frozen=True)
class FieldRule:
    """Constraints on the value of a field.

    Args:
        kind: JSON type of the value as a Python type; `object` for any.
        expected: the constraint in words, for messages.
        low: least value, least length of a string or list.
        high: greatest value, greatest length of a string or list.
        pattern: regular expression that a string has to match completely.
        choices: accepted strings; empty for all.
        aliases: other names of the field.
        nullable: whether null is accepted.
        items: rule for the items of a list.
        of: message class of an object.
    """

    kind: type | tuple[type, ...]
    expected: str
    low: float | None = None
    high: float | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nullable: bool = False
    items: FieldRule | None = None
    of: type | None = None

    def problem(self, value: Any) -> str | None:
        """The constraint that the value violates (`type`, `range`, ...), or None."""
        if isinstance(value, bool) and self.kind not in (bool, object):
            return "type"
        if not isinstance(value, self.kind):
            return "type"
        if isinstance(value, float) and not math.isfinite(value):
            return "range"
        size: Any = len(value) if isinstance(value, (str, list)) else value
        if self.low is not None and size < self.low:
            return "range"
        if self.high is not None and size > self.high:
            return "range"
        if isinstance(value, str):
            return self._text_problem(value)
        if self.items is not None and isinstance(value, list):
            return next((problem for item in value if (problem := self.items.problem(item))), None)
        return None

    def _text_problem(self, value: str) -> str | None:
        if any("\ud800" <= char <= "\udfff" for char in value):
            return "unicode"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return "pattern"
        if self.choices and value not in self.choices:
            return "choice"
        return None


def _field(rule: FieldRule, default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"rule": rule})


def text(
    low: int = 0,
    high: int | None = None,
    *,
    default: Any = REQUIRED,
    pattern: str | None = None,
    choices: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    nullable: bool = False,
) -> Any:
    """Declares a string field.

    Args:
        low: least length in characters.
        high: greatest length in characters; None for any.
        default: default value; none makes the field required.
        pattern: regular expression that the string has to match completely.
        choices: accepted strings; empty for all.
        aliases: other names of the field.
        nullable: whether null is accepted.
    """
    if choices:
        expected = "one of " + ", ".join(choices)
    elif pattern:
        expected = f"a string that matches {pattern}"
    elif high is not None:
        expected = f"a string of {low} to {high} characters"
    else:
        expected = "a string" if not low else "a string that is not empty"
    return _field(FieldRule(str, expected, low or None, high, pattern, choices, aliases, nullable), default)


def integer(low: int | None = None, high: int = MAX_INTEGER, *, default: Any = REQUIRED, aliases: tuple[str, ...] = (), nullable: bool = False) -> Any:
    """Declares an integer field.

    Args:
        low: least value; None for any.
        high: greatest value.
        default: default value; none makes the field required.
        aliases: other names of the field.
        nullable: whether null is accepted.
    """
    expected = "an integer" if low is None else f"an integer from {low} to {high}"
    return _field(FieldRule(int, expected, -MAX_INTEGER if low is None else low, high, aliases=aliases, nullable=nullable), default)


def number(low: float, high: float, *, default: Any = REQUIRED) -> Any:
    """Declares a field for integers and fractions.

    Args:
        low: least value.
        high: greatest value.
        default: default value; none makes the field required.
    """
    return _field(FieldRule((int, float), f"a number from {low:g} to {high:g}", low, high), default)


def flag(*, default: Any = REQUIRED) -> Any:
    """Declares a boolean field."""
    return _field(FieldRule(bool, "true or false"), default)


def anything() -> Any:
    """Declares a field that accepts any value, null by default."""
    return _field(FieldRule(object, "anything"), None)


def texts(most: int, low: int, high: int) -> Any:
    """Declares a list of strings, empty by default.

    Args:
        most: greatest number of strings.
        low: least length of a string in characters.
        high: greatest length of a string in characters.
    """
    rule = FieldRule(list, f"a list of up to {most} strings of {low} to {high} characters", None, most, items=FieldRule(str, "", low, high))
    return dataclasses.field(default_factory=list, metadata={"rule": rule})


def record(kind: type, *, default: Any = REQUIRED, nullable: bool = False) -> Any:
    """Declares a field that contains a message.

    Args:
        kind: message class.
        default: default value; none makes the field required.
        nullable: whether null is accepted.
    """
    return _field(FieldRule(dict, "an object", nullable=nullable, of=kind), default)


def records(kind: type) -> Any:
    """Declares a list of messages of class `kind`."""
    return _field(FieldRule(list, "a list of objects", items=FieldRule(dict, "an object", of=kind)), REQUIRED)


def ids() -> Any:
    """Declares a list of strings of any length."""
    return _field(FieldRule(list, "a list of strings", items=FieldRule(str, "a string")), REQUIRED)


@functools.cache
def rules_of(kind: type) -> tuple[tuple[str, FieldRule, bool], ...]:
    """The fields of a message class: name, rule, and whether the field is required."""
    return tuple((field.name, field.metadata["rule"], field.default is REQUIRED and field.default_factory is REQUIRED) for field in dataclasses.fields(kind))


def read(kind: type[Message], body: dict[str, Any]) -> Message:
    """Parses a JSON object into a message; unknown fields are ignored.

    Raises:
        RbeeError: INVALID_REQUEST; `details.errors` lists all problems (contract 1.3).
    """
    values: dict[str, Any] = {}
    problems: list[dict[str, Any]] = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        rule: FieldRule = field.metadata["rule"]
        name = next((name for name in (field.name, *rule.aliases) if name in body), None)
        if name is None:
            if field.default is REQUIRED and field.default_factory is REQUIRED:
                problems.append(_problem(field.name, "required", rule, None))
            continue
        value = body[name]
        if value is None and (rule.nullable or field.default is None):
            continue
        constraint = rule.problem(value)
        if constraint is None:
            values[field.name] = value
        else:
            problems.append(_problem(name, constraint, rule, value))
    if problems:
        raise RbeeError("INVALID_REQUEST", "; ".join(problem["message"] for problem in problems), {"errors": problems})
    return kind(**values)


def _problem(name: str, constraint: str, rule: FieldRule, value: Any) -> dict[str, Any]:
    actual = "is missing" if constraint == "required" else f"is {_shown(value)!r}"
    return {"field": name, "constraint": constraint, "message": f"{name} {actual}, expected {rule.expected}", "value": _shown(value)}


def _shown(value: Any) -> Any:
    """A received value for an error message: cut to 80 characters, safe to encode as JSON."""
    if isinstance(value, str):
        return value[:80].encode("utf-8", "replace").decode()
    if isinstance(value, (list, dict)) or (isinstance(value, float) and not math.isfinite(value)):
        return ascii(value)[:80]
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    return value


def as_dict(message: Any) -> dict[str, Any]:
    """The fields of a message as a dict, in wire order."""
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
