"""Argument types with limits. A value that does not fit is found when the argument is converted, also in a dry run."""

from __future__ import annotations

import functools
import inspect
import math
import re
import typing
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from robot.api.types import Secret
from robot.utils import timestr_to_secs

from ..protocol.options import base_type, is_secret, limits_of, read_value
from ..protocol.schema.routes import SERVICES, Route
from ..protocol.units import ByteSize, Duration
from ..session.assertions import Operator
from ..session.inference.inference_client import Inference
from ..session.inference.locust_load import LocustLoad
from ..session.inference.steady_load import SteadyLoad
from ..session.types import ArmedFault, Mark, ProgramName

Text = str | Secret
CONVERTERS: dict[type, Callable[..., Any]] = {}
"""Argument type -> converter, for the library."""


class Default:
    """A default that is shown in Libdoc; not a number, because Robot Framework would convert arguments to the type of their default without its limits."""

    def __init__(self, value: Any):
        self.value = value

    def __str__(self) -> str:
        return str(self.value)

    __repr__ = __str__


def with_plain_defaults(method: Callable[..., Any]) -> Callable[..., Any]:
    """The keyword method, with the values of its `Default` defaults."""
    signature = inspect.signature(method)
    plain = {name: one.default.value for name, one in signature.parameters.items() if isinstance(one.default, Default)}
    if not plain:
        return method

    @functools.wraps(method)
    def keyword(*positional: Any, **named: Any) -> Any:
        given = signature.bind_partial(*positional, **named).arguments
        return method(*positional, **{**{name: value for name, value in plain.items() if name not in given}, **named})

    keyword.__signature__ = signature  # type: ignore[attr-defined]
    return keyword


class _Converter:
    # Robot Framework inspects all converters at every call of a keyword. That is faster for objects that know their signature.
    # There is no docstring, because Libdoc would show it in place of the type's, and no type hint, because Robot Framework would convert to that first.

    __signature__ = inspect.Signature([inspect.Parameter("value", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    __annotations__ = {}

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self._convert = convert

    def __call__(self, value):  # type: ignore[no-untyped-def]
        return self._convert(value)


def _register(kind: type, convert: Callable[..., Any]) -> None:
    CONVERTERS[kind] = _Converter(convert)


def _converted(convert: Callable[..., Any]) -> Callable[[type], Any]:
    """Class decorator that registers a converter."""

    def register(kind: type) -> type:
        _register(kind, convert)
        return kind

    return register


_register(ProgramName, ProgramName.convert)
_register(Operator, Operator.convert)


def _whole(value: Any, low: int, high: float = math.inf) -> int:
    try:
        number = int(str(value).replace(" ", ""))
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None
    if not low <= number <= high:
        raise ValueError(f"expected a whole number {f'from {low} to {high:.0f}' if high < math.inf else f'from {low} on'}")
    return number


def _seconds(value: Any, low: float = 0.0) -> timedelta:
    span = value if isinstance(value, timedelta) else timedelta(seconds=timestr_to_secs(value, round_to=None))
    if span.total_seconds() < low:
        raise ValueError(f"expected a time of at least {low:g} s" if low else "expected a time that is not negative")
    return span


@_converted(lambda value: _whole(value, 0))
class Count(int):
    """Whole number from 0 on."""


@_converted(lambda value: None if value is None or str(value).lower() == "none" else _whole(value, 0))
class TokenCount(int):
    """Whole number from 0 on, or None, which leaves the number to the worker."""


@_converted(lambda value: _whole(value, 1))
class PositiveCount(int):
    """Whole number from 1 on."""


@_converted(lambda value: _whole(value, 0, 65535))
class PortNumber(int):
    """TCP port from 0 to 65535; 0 lets the system pick one."""


@_converted(lambda value: _whole(value, 0, 599))
class StatusCode(int):
    """HTTP status, or exit code of a program, from 0 to 599."""


@_converted(_seconds)
class Span(timedelta):
    """Time string such as `500ms`, `2s` or `5 min`; not negative."""


@_converted(lambda value: _rate(value))
class Rate(float):
    """How often in a time, such as `20/s`, `30/min` or `1/5s`; `0/s` is never."""


def _rate(value: Any) -> float:
    count, slash, time = str(value).partition("/")
    time = time.strip()
    try:
        number = float(count)
        per = timestr_to_secs(f"1 {time}" if time[:1].isalpha() else time) if slash else 1.0
    except ValueError:
        number = per = -1.0
    if not 0 <= number < math.inf or per <= 0:
        raise ValueError("expected a rate such as 20/s or 30/min")
    return number / per


@_converted(lambda value: _share(value))
class Share(float):
    """Number from 0 to 1."""


def _share(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("expected a number from 0 to 1") from None
    if not 0 <= number <= 1:
        raise ValueError("expected a number from 0 to 1")
    return number


@_converted(lambda value: _size(value))
class SizeText(str):
    """Size such as `500KB`, `5MB` or `8GB`; a bare number is MB."""


def _size(value: Any) -> str:
    ByteSize.parse(str(value))
    return str(value)


@_converted(lambda value: _request_path(value))
class RequestPath(str):
    """Path of a request, such as `/v1/inference`; one that ends in `*` stands for all that begin like it."""


def _request_path(value: Any) -> str:
    if not str(value).startswith(("/", "*")):
        raise ValueError("expected a path that begins with /, such as /v1/inference")
    return str(value)


def _must_be(kind: type, source: str) -> None:
    def convert(value: Any) -> Any:
        raise ValueError(f"expected {source}, got {type(value).__name__} {value!r}")

    _register(kind, convert)


_must_be(Inference, "an inference from Submit Inference")
_must_be(SteadyLoad, "a load from Keep Submitting")
_must_be(LocustLoad, "a load from Start Load")
_must_be(ArmedFault, "a fault from Inject Fault")
_must_be(Mark, "a mark from Mark Journal")


def option_type(field: Any, kind: Any) -> Any:
    """The argument type of a keyword for an option of a program: with the limits and the form of the option."""
    if is_secret(field):
        return Text
    base = base_type(kind)
    if base is bool or typing.get_origin(base) is typing.Literal:
        return base
    element = _limited(str if base == list[str] else base, *limits_of(field))
    return list[element] | element if base == list[str] else element  # type: ignore[valid-type]


_WHOLE_NUMBERS: dict[tuple[float | None, float | None], type] = {(0, None): Count, (1, None): PositiveCount, (0, 65535): PortNumber}
"""Limits -> type."""


@functools.cache
def _limited(base: Any, low: float | None, high: float | None, form: str) -> type:
    """A type with limits; one for all options that have the same ones."""
    if base is str and not form:
        return str
    if base is int and (low, high) in _WHOLE_NUMBERS:
        return _WHOLE_NUMBERS[low, high]
    if base is Duration:
        return Span if not low else _made(f"SpanFrom{low * 1000:g}ms", f"Time string of at least {low:g} s.", lambda value: _seconds(value, low))
    if base is ByteSize and not low:
        return SizeText
    if base is str:
        name, doc = re.sub(r"\W+", "", form.title()), f"Text of the form {form}."
    else:
        limits = f"from {low:.10g} to {high:.10g}" if high is not None else f"from {low:g} on" if low is not None else ""
        kind = {int: "Whole number", float: "Number", ByteSize: "Size"}[base]
        name, doc = re.sub(r"\W+", "", f"{kind} {limits}".title()), f"{kind} {limits}.".replace(" .", ".")

    def convert(value: Any) -> str:
        read_value(base, low, high, form, str(value))  # raises for a bad one; the program reads it again
        return str(value)

    return _made(name, doc, convert)


def _made(name: str, doc: str, convert: Callable[..., Any]) -> type:
    kind = type(name, (str,), {"__doc__": doc})
    _register(kind, convert)
    return kind


def services_with(path: str) -> list[str]:
    """Services that have a route for a path of a request keyword; one that ends in `*` stands for all that begin like it."""
    return [name for name, routes in SERVICES.items() if any(_may_be(route, template, path) for route in routes for template in route.paths)]


def _may_be(route: Route, template: str, path: str) -> bool:
    if not path.endswith("*"):
        return route.pattern(template).match(path) is not None
    known, wanted = template.split("/"), path[:-1].split("/")
    if route.greedy:
        wanted = wanted[: len(known)]  # the last parameter takes what follows
    if len(wanted) > len(known):
        return False
    fits = [part == want or part.startswith("{") for part, want in zip(known, wanted[:-1], strict=False)]
    last = known[len(wanted) - 1]
    return all(fits) and (last.startswith(("{", wanted[-1])))


HubFile: Any = _limited(str, None, None, "ORG/REPO/NAME=SIZE")
