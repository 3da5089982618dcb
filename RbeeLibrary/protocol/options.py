"""Declaration and parsing of program options.

Each option is one field of the dataclass of its program. The command line, `RBEE_<PROGRAM>_ARGS`, the arguments of the `Start ...`
keywords and their Libdoc text are derived from these fields.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import functools
import shlex
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

from .forms import FORMS
from .units import Duration

Options = TypeVar("Options")
OnOff = Literal["on", "off"]
MASK = "***"
VERSION = "0.1.0"


def option(
    default: Any,
    help: str,
    section: str,
    *,
    flags: tuple[str, ...] = (),
    env: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    secret: bool = False,
    real_time: bool = False,
    required: bool = False,
    form: str = "",
) -> Any:
    """Declares an option.

    Args:
        default: default value; None is shown as "none".
        help: help text for `--help` and Libdoc.
        section: section of the contract.
        flags: further spellings of the flag `--field-name`.
        env: environment variables that set the option, in order of precedence; argv overrides them.
        low: smallest accepted value.
        high: greatest accepted value.
        secret: whether the value must never be shown; `***` in argv then means "see the environment".
        real_time: whether the limit is measured in real time instead of the run's clock.
        required: whether the option must be set.
        form: form of a text, one of `forms.FORMS`; checked, the value stays a text.
    """
    metadata = {
        "help": help,
        "section": section,
        "flags": flags,
        "env": env,
        "low": low,
        "high": high,
        "secret": secret,
        "real_time": real_time,
        "required": required,
        "form": form,
    }
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(eq=False, repr=False)
class DaemonOptions:
    """Options of all daemons (contract 1.4)."""

    about: ClassVar[str]
    """What the program is for, and examples; shown by `--help`."""

    host: str = option("127.0.0.1", "bind address; loopback unless set", "1.4")
    port: int = option(0, "TCP port; 0 = any free port", "2", flags=("-p",), low=0, high=65535)
    report_version: str = option(VERSION, "version reported in health responses and headers", "1.4")
    api_key: str | None = option(
        None, "key that clients have to send (Bearer KEY); turns authentication on", "14", env=("RBEE_API_KEY", "LLORCH_API_TOKEN"), secret=True
    )
    journal: str | None = option(None, "journal file (JSON lines)", "18")
    fault: list[str] = option([], "fault armed from the start, NAME or NAME:key=value,...; repeatable", "19")
    die_with_parent: OnOff = option("off", "whether to exit when the parent process has ended", "1.4")
    max_lifetime: Duration = option(Duration(0), "lifetime, after which the program ends as on SIGTERM; 0 = unlimited", "1.4", low=0)
    keep_alive: Duration = option(Duration(10), "silence on an SSE stream after which a comment line is sent", "1.4", low=0.001)


def types_of(options: type[Any]) -> dict[str, Any]:
    """Field name -> type of the option."""
    return typing.get_type_hints(options)


def parse(
    options: type[Options],
    program: str,
    argv: list[str],
    env: Mapping[str, str],
    *,
    words: tuple[str, ...] = (),
    more: str = "",
    epilog: str = "",
) -> Options:
    """Parses options from environment and argv; argv takes precedence.

    Args:
        options: dataclass that declares the options.
        program: program name for messages, such as `fake-worker`; `RBEE_WORKER_ARGS` is read before argv.
        argv: command line without the program name.
        env: environment variables.
        words: positional words that are accepted and ignored (`daemon`).
        more: name of the field that receives all remaining words, if the program has one.
        epilog: end of the text of `--help`.

    Raises:
        SystemExit: status 2 for bad options, 0 after `--help` and `--version`.
    """
    parser = parser_of(options, program, words, more)  # type: ignore[arg-type]
    parser.epilog = epilog
    role = program.partition(" ")[0].rpartition("-")[2].upper()
    given = vars(parser.parse_args([*shlex.split(env.get(f"RBEE_{role}_ARGS", "")), *argv]))
    given.pop("word", None)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(options):  # type: ignore[arg-type]
        value = given[field.name]
        if value is None or (field.metadata["secret"] and value == MASK):
            value = next((env[name] for name in field.metadata["env"] if env.get(name)), None)
        if value is None and field.metadata["required"]:
            parser.error(f"the following arguments are required: --{field.name.replace('_', '-')}")
        if value is not None:
            values[field.name] = value
    return options(**values)


class _Parser(argparse.ArgumentParser):
    """Reports a bad command line in one line, with the option that was probably meant."""

    def error(self, message: str) -> NoReturn:
        unknown = message.rpartition("unrecognized arguments: ")[2].split()[:1] if "unrecognized" in message else []
        meant = difflib.get_close_matches(unknown[0].partition("=")[0], self._option_string_actions, 1) if unknown else []
        hint = f", did you mean {meant[0]}?" if meant else ""
        self.exit(2, f"{self.prog}: error: {message}{hint} (see {self.prog} --help)\n")


@functools.cache
def parser_of(options: type[Any], program: str, words: tuple[str, ...], more: str) -> argparse.ArgumentParser:
    """The argument parser for `parse`.

    Cached, because building it is slow: a nursery builds it once for all programs that it forks.

    Args:
        options: dataclass that declares the options.
        program: program name for messages.
        words: positional words that are accepted and ignored.
        more: name of the field that receives all remaining words, or an empty text.
    """
    types = types_of(options)
    about = getattr(options, "about", options.__doc__)
    parser = _Parser(prog=program, allow_abbrev=False, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"{program} {VERSION}")
    if words:
        parser.add_argument("word", nargs="*", choices=[*words, []], default=[], metavar=f"[{'|'.join(words)}]", help="accepted and ignored")
    if more:
        parser.add_argument(more, nargs=argparse.REMAINDER, help="passed on unchanged")
    for field in dataclasses.fields(options):
        if field.name != more:
            _add(parser, field, types[field.name])
    return parser


def _add(parser: argparse.ArgumentParser, field: dataclasses.Field[Any], kind: Any) -> None:
    names = [f"--{field.name.replace('_', '-')}", *field.metadata["flags"]]
    text = f"{field.metadata['help']} (contract {field.metadata['section']}; default: {default_text(field)})".replace("%", "%%")
    base = base_type(kind)
    if base is bool:
        parser.add_argument(*names, dest=field.name, action="store_true", default=None, help=text)
    elif typing.get_origin(kind) is list:
        parser.add_argument(*names, dest=field.name, action="append", type=_reader(str, field), help=text)
    elif choices := typing.get_args(base):
        parser.add_argument(*names, dest=field.name, choices=choices, help=text)
    else:
        parser.add_argument(*names, dest=field.name, type=_reader(base, field), help=text, metavar=base.__name__.upper())


def _reader(base: Any, field: dataclasses.Field[Any]) -> Any:
    def read(text: str) -> Any:
        try:
            return read_value(base, *limits_of(field), text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def read_value(base: Any, low: float | None, high: float | None, form: str, text: str) -> Any:
    """Reads the value of an option.

    Args:
        base: its type.
        low: smallest accepted value; None = no limit.
        high: greatest accepted value; None = no limit.
        form: of a text; empty = any.
        text: what a user wrote.

    Raises:
        ValueError: it is not such a value; the message says what was expected.
    """
    if base is str:
        try:
            text.encode()
            if form:
                FORMS[form](text)
        except UnicodeEncodeError:
            raise ValueError(f"{text!r} is not valid UTF-8") from None
        except ValueError as error:
            raise ValueError(f"{text}: {error}") from None
        return text
    try:
        value = base.parse(text) if hasattr(base, "parse") else base(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not {'a whole number' if base is int else 'a number'}" if base in (int, float) else str(error)) from None
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"{low:g} to {high:g}" if high is not None else f"at least {low:g}"
        raise ValueError(f"{text} is out of range, expected {limits}")
    return value


def limits_of(field: dataclasses.Field[Any]) -> tuple[float | None, float | None, str]:
    """Smallest and greatest value of an option, and the form of its text."""
    return field.metadata["low"], field.metadata["high"], field.metadata["form"]


def is_secret(field: dataclasses.Field[Any]) -> bool:
    """Whether the value of an option must never be shown."""
    return bool(field.metadata["secret"])


def base_type(kind: Any) -> Any:
    """The type of an option, without `| None`."""
    arguments = [argument for argument in typing.get_args(kind) if argument is not type(None)]
    is_optional = type(None) in typing.get_args(kind)
    return arguments[0] if is_optional and len(arguments) == 1 else kind


def default_text(field: dataclasses.Field[Any]) -> str:
    """The default of an option as text for users."""
    if field.default is None or field.default is dataclasses.MISSING:
        return "none"
    return "off" if field.default is False else str(field.default)  # a flag can only turn something on


def to_argv(values: Mapping[str, Any]) -> list[str]:
    """The command line for option values; None and False are left out."""
    words: list[str] = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)):
            for item in value:
                words += [flag, str(item)]
        elif value is not None and value is not False:
            words += [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
    return words


def masked(argv: list[str], options: type[Any]) -> list[str]:
    """argv with secrets replaced by `***`."""
    secret = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(options) if field.metadata["secret"]}
    shown: list[str] = []
    for word in argv:
        name, has_value, _ = word.partition("=")
        if shown and shown[-1] in secret:
            shown.append(MASK)
        else:
            shown.append(f"{name}={MASK}" if name in secret and has_value else word)
    return shown


def take_secrets(argv: list[str], options: type[Any]) -> tuple[list[str], dict[str, str]]:
    """argv with secrets replaced by `***`, and the environment variables that carry these secrets instead."""
    fields = {f"--{field.name.replace('_', '-')}": field for field in dataclasses.fields(options) if field.metadata["secret"]}
    secrets: dict[str, str] = {}
    for number, word in enumerate(argv):
        name, has_value, value = word.partition("=")
        if name in fields and (has_value or number + 1 < len(argv)):
            secret = value if has_value else argv[number + 1]
            if secret != MASK:
                secrets[fields[name].metadata["env"][0]] = secret
    return masked(argv, options), secrets


def secret_environment(values: Mapping[str, Any], options: type[Any]) -> dict[str, str]:
    """Environment variables that carry the secret option values, so that argv need not."""
    return {field.metadata["env"][0]: str(values[field.name]) for field in dataclasses.fields(options) if field.metadata["secret"] and values.get(field.name)}


def secret_names(options: type[Any]) -> set[str]:
    """Names of the options whose values must never be shown."""
    return {field.name for field in dataclasses.fields(options) if field.metadata["secret"]}


def split_options(given: Mapping[str, Any], options: type[Any]) -> dict[str, Any]:
    """The given values that are options of a program."""
    names = {field.name for field in dataclasses.fields(options)}
    return {name: value for name, value in given.items() if name in names}
