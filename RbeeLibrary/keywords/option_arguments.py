"""Keyword arguments derived from the options of programs, and the arguments of asserting keywords."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from robot.api.types import Secret

from ..errors import UsageError
from ..protocol.options import DaemonOptions, default_text, types_of
from ..protocol.units import Duration
from ..session.assertions import Check, Operator
from .argument_types import Span, option_type

Function = TypeVar("Function", bound=Callable[..., Any])
_FAILURE = "the value did not meet the expectation in time; the message has its last value."


def takes_options(*programs: type[DaemonOptions], skip: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Decorator that adds the options of programs to a keyword as named-only arguments, with types and documentation.

    Args:
        programs: option dataclasses; the first one that has an option defines it.
        skip: options that are not added; arguments that the keyword declares itself are never added.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [parameter for parameter in signature.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = option_fields(*programs, skip=("fault", *skip, *(parameter.name for parameter in own)))
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in fields]
        function.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        function.__annotations__ = {
            **{name: kind for name, kind in function.__annotations__.items() if name != "options"},
            **{name: option_type(field, kind) for name, (field, kind) in fields.items()},
        }
        function.__doc__ = _documented(function.__doc__ or "", fields)
        return function

    return decorate


def asserting(expected: Any, description: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that turns a reading keyword into an asserting one: adds `operator`, `expected`, `within` and `message`.

    The keyword receives them as its argument `check`.

    Args:
        expected: type of the value.
        description: noun phrase for the value, used in the documentation of `expected`.
    """
    added = {
        "operator": (Operator, "Comparison operator, such as `==`; without it, the value is only returned."),
        "expected": (expected, f"Expected {description}."),
        "within": (Span, "How long to retry, in real time; default: the library's `within`."),
        "message": (str | None, "Failure message; may contain `{value}` and `{expected}`."),
    }

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own = [parameter for parameter in inspect.signature(function).parameters.values() if parameter.name != "check"]
        named = [parameter for parameter in own if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
        first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in ("operator", "expected")]
        last = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("within", "message")]
        public = inspect.Signature([*(parameter for parameter in own if parameter not in named), *first, *named, *last])

        @functools.wraps(function)
        def keyword(*positional: Any, **values: Any) -> Any:
            bound = public.bind(*positional, **values)
            bound_names = set(bound.arguments)
            bound.apply_defaults()
            given = dict(bound.arguments)
            check = Check(*(given.pop(name) for name in ("operator", "expected", "within", "message")))
            if check.operator is not None and "expected" not in bound_names:
                raise UsageError(f"{check.operator} needs a value to compare with, such as {check.operator}    3")
            return function(**given, check=check)

        keyword.__signature__ = public  # type: ignore[attr-defined]
        keyword.__annotations__ = {
            **{name: kind for name, kind in function.__annotations__.items() if name != "check"},
            **{name: kind for name, (kind, _) in added.items()},
        }
        keyword.__doc__ = (
            _with_arguments(function.__doc__ or "", {name: text for name, (_, text) in added.items()}) + f"\n\nRaises:\n    AssertionError: {_FAILURE}"
        )
        return keyword

    return decorate


def option_fields(*programs: type[DaemonOptions], skip: tuple[str, ...] = ()) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Option name -> field and type, in order of declaration.

    Args:
        programs: option dataclasses; the first one that has an option defines it.
        skip: names of options to leave out.
    """
    fields: dict[str, tuple[dataclasses.Field[Any], Any]] = {}
    for program in programs:
        types = types_of(program)
        for field in dataclasses.fields(program):
            if field.name not in skip:
                fields.setdefault(field.name, (field, types[field.name]))
    return fields


def option_values(given: dict[str, Any]) -> dict[str, Any]:
    """Converts keyword arguments to option values; arguments that are None are left out."""
    return {name: _option_value(value) for name, value in given.items() if value is not None}


def _option_value(value: Any) -> Any:
    if isinstance(value, timedelta):
        return Duration(value.total_seconds())
    if isinstance(value, Secret):
        return value.value
    return value


def _documented(doc: str, fields: dict[str, tuple[dataclasses.Field[Any], Any]]) -> str:
    return _with_arguments(
        doc,
        {
            name: f"{_capitalized(field.metadata['help'])}. Default: {default_text(field)}. Contract {field.metadata['section']}."
            for name, (field, _) in fields.items()
        },
    )


def _with_arguments(doc: str, arguments: dict[str, str]) -> str:
    lines = [f"    {name}: {text}" for name, text in arguments.items()]
    text = inspect.cleandoc(doc)
    head, args, rest = text.partition("\nArgs:\n")
    if not args:
        head, rest = text, ""
    own, separator, tail = rest.partition("\n\n")
    return f"{head}\nArgs:\n" + "\n".join([*([own] if own else []), *lines]) + (f"\n\n{tail}" if separator else "")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
