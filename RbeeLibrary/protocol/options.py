"""Options, each declared once: a field of its program's dataclass.

argv, the environment words (`RBEE_WORKER_ARGS`), the arguments of the `Start ...` keywords, their Libdoc text and the tables
for users are all derived from these fields.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from .units import Duration

Options = TypeVar("Options", bound="DaemonOptions")
OnOff = Literal["on", "off"]
EventShape = Literal["plain", "indexed", "typed"]
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
) -> Any:
    """Declares an option.

    Args:
        default: its value when nobody sets it; None shows as "none".
        help: what it does, for `--help`, Libdoc and the tables.
        section: where the contract speaks of it.
        flags: further spellings beside `--field-name`.
        env: environment variables that set it, the first one found wins; argv wins over them.
        low: the least value that is accepted.
        high: the greatest value that is accepted.
        secret: never shown; `***` in argv means "in the environment".
        real_time: a limit in real time rather than on the run's clock.
        required: must be given.
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
    }
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass
class DaemonOptions:
    """What all daemons have (contract 1.4)."""

    host: str = option("127.0.0.1", "bind address; anything but loopback must be asked for", "1.4")
    port: int = option(0, "TCP port; 0 lets the system pick", "2", flags=("-p",), low=0, high=65535)
    report_version: str = option(VERSION, "version in health bodies and headers", "1.4")
    api_key: str | None = option(None, "switches authentication on: Bearer KEY", "14", env=("RBEE_API_KEY", "LLORCH_API_TOKEN"), secret=True)
    journal: str | None = option(None, "file for the journal, JSON lines", "18")
    fault: list[str] = option([], "a fault from the start, NAME or NAME:key=value,...; repeatable", "19")
    die_with_parent: OnOff = option("off", "end when the parent process is gone", "1.4")
    max_lifetime: Duration = option(Duration(0), "end as on SIGTERM after this time; 0 = never", "1.4", low=0)
    keep_alive: Duration = option(Duration(10), "SSE comment line after so much silence", "1.4", low=0.001)


@dataclasses.dataclass
class WorkerOptions(DaemonOptions):
    """The worker's (contract 6.1)."""

    port: int = option(0, "TCP port; 0 lets the system pick", "6.1", flags=("-p",), low=0, high=65535, required=True)
    worker_id: str = option("", "id of the worker", "6.1", required=True)
    queen_url: str | None = option(None, "ready callback to URL/v2/workers/ready", "6.4")
    callback_url: str | None = option(None, "second ready callback, to exactly this URL; localhost:9999 is skipped", "6.4")
    model: str | None = option(None, "model file, a GGUF; its header is read; default: none, nothing is checked", "6.7")
    model_ref: str = option("mock-model", "model reference that it reports", "6.1")
    backend: str = option("cpu", "backend that it reports", "6.1")
    device: int = option(0, "device number that it reports", "6.1", low=0)
    slots: int = option(1, "requests at the same time", "6.1", low=1, high=1024)
    load_time: Duration = option(Duration(0), "length of the loading phase; 0 = none", "6.6", low=0)
    layers: int = option(32, "layers of the model", "6.6", low=1)
    layer_step: int = option(12, "layers between two loading events", "6.6", low=1)
    first_token_delay: Duration = option(Duration(0), "time to the first token", "6.1", low=0)
    token_delay: Duration = option(Duration(0), "time between two tokens", "6.1", low=0)
    event_shape: EventShape = option("plain", "shape of the token events", "12")
    answer: str | None = option(None, "text that it answers with, split before each blank", "6.1")
    answers: str | None = option(None, "JSON file: prompt or regular expression -> answer", "6.1")
    callback_delay: Duration = option(Duration(0), "from the first answer of the server to the ready callback", "15", low=0)
    callback_timeout: Duration = option(Duration(10), "limit of one ready callback", "15", low=0)
    callback_delays: str = option("1s,2s,4s", "pauses before the repeated ready callbacks", "15")
    callback_required: bool = option(False, "exit 1 after the last failed callback", "6.4")
    drain: Duration = option(Duration(30), "how long running requests may go on after SIGTERM", "6.8", low=0)
    heartbeat: Duration = option(Duration(0), "interval of heartbeats to the queen; 0 = off", "6.1", low=0)
    hive_heartbeat: Duration = option(Duration(0), "interval of heartbeats to the hive; 0 = off", "6.1", low=0)
    advertise_host: str = option("127.0.0.1", "host in its own URL", "6.1", env=("RBEE_WORKER_HOST",))


@dataclasses.dataclass
class HiveOptions(DaemonOptions):
    """The hive's (contract 5.1, 15)."""

    port: int = option(9200, "TCP port; 0 lets the system pick", "5.1", flags=("-p",), low=0, high=65535)
    addr: str | None = option(None, "HOST:PORT, instead of --host and --port", "5.1")
    queen_url: str | None = option("http://127.0.0.1:8080", "queen that is told about workers", "5.1", env=("RBEE_QUEEN_URL", "QUEEN_CALLBACK_URL"))
    node_name: str = option("", "name of the node, sent to the queen", "5.1", env=("RBEE_NODE_NAME",))
    worker_binary: str | None = option(None, "program of the workers; without it the fake worker", "5.1")
    worker_args: Literal["fake", "real"] = option("fake", "which argv a worker gets", "5.4")
    worker_ports: str = option("8001-8099", "A-B; 0 lets the system pick", "2")
    workers_die_with_hive: OnOff = option("off", "on: workers end with a killed hive", "5.1")
    slots: int | None = option(None, "slots of workers, where the request does not say", "5.1", low=1, high=1024)
    backends: str = option("cpu,cuda", "backends of the node", "5.1")
    provision: Literal["off"] = option("off", "off: any model reference is taken, no catalog, no hub", "5.1")
    auth_health: OnOff = option("off", "key needed on health as well", "14")
    restart_hung: int = option(0, "restarts of a worker that lives but does not answer", "5.6", low=0)
    health_interval: Duration = option(Duration(30), "between two health checks of a worker; 0 = off", "5.6", low=0)
    health_timeout: Duration = option(Duration(5), "limit of one health check", "5.6", low=0)
    health_misses: int = option(3, "misses in a row that make a worker unhealthy", "5.6", low=1)
    idle_timeout: Duration = option(Duration(300), "idle time after which a worker is shut down; 0 = off", "5.6", low=0)
    idle_tick: Duration = option(Duration(1), "when a worker is looked at again that is over its time, but not idle", "5.6", low=0.001)
    loading_limit: Duration = option(Duration(0), "from start to ready callback; 0 = off", "5.6", low=0)
    spawn_settle: Duration = option(Duration(0.1), "how long a real worker has to live to count as started", "15", low=0, real_time=True)
    spawn_timeout: Duration = option(Duration(30), "from the start of a worker to its open port", "2", low=0)
    list_probe_timeout: Duration = option(Duration(0.5), "limit of the state probe of a list", "5.3", low=0)
    notice_timeout: Duration = option(Duration(2), "limit of what is relayed to the queen", "15", low=0)
    shutdown_ack: Duration = option(Duration(5), "wait for the acknowledgement of a shutdown request", "16", low=0)
    term_grace: Duration = option(Duration(10), "from SIGTERM to SIGKILL", "16", low=0)
    shutdown_drain: Duration = option(Duration(30), "how long an acknowledged worker may run on", "16", low=0)
    shutdown_total: Duration = option(Duration(30), "limit of the whole shutdown", "16", low=0)


@dataclasses.dataclass
class QueenOptions(DaemonOptions):
    """The queen's (contract 4.1, 15)."""

    port: int = option(8080, "TCP port; 0 lets the system pick", "4.1", flags=("-p",), low=0, high=65535)
    config: str | None = option(None, "accepted, unused", "4.1", flags=("-c",))
    hive_url: list[str] = option([], "NODE=URL of a hive, repeatable; *=URL for every node", "4.1")
    hive_api_key: str | None = option(
        None, "sent to hives and workers; without it the caller's key is passed on", "4.1", env=("RBEE_HIVE_API_KEY",), secret=True
    )
    cascade: Literal["all", "owned", "none"] = option("all", "which hives end with the queen", "16")
    connect_timeout: Duration = option(Duration(10), "limit of one connection attempt", "15", low=0)
    connect_delays: str = option("0,200ms,400ms", "pauses before the connection attempts", "15")
    hive_timeout: Duration = option(Duration(10), "limit of list and health of a hive", "15", low=0)
    spawn_timeout: Duration = option(Duration(30), "limit of a spawn request", "15", low=0)
    ready_poll: Duration = option(Duration(2), "between two looks whether a worker is ready", "15", low=0.001)
    ready_request_timeout: Duration = option(Duration(5), "limit of one look", "15", low=0)
    ready_timeout: Duration = option(Duration(300), "how long a worker may load", "15", low=0)
    inference_timeout: Duration = option(Duration(300), "limit of a relayed inference", "15", low=0)
    worker_shutdown_timeout: Duration = option(Duration(5), "limit of a shutdown request to a worker", "15", low=0)
    health_timeout: Duration = option(Duration(2), "limit of one look at a worker, for workers/health", "4.2", low=0)
    heartbeat_timeout: Duration = option(Duration(120), "age at which a heartbeat is stale", "4.3", low=0)
    sweep_interval: Duration = option(Duration(30), "between two sweeps for stale workers", "4.3", low=0.001)
    stale_busy_timeout: Duration = option(Duration(300), "how long a stale but busy worker stays listed", "4.3", low=0)
    progress_keep: Duration = option(Duration(60), "how long the progress of an ended task is kept", "4.2", low=0)
    task_wait: Duration = option(Duration(5), "how long progress waits for a task that is not known yet", "4.2", low=0)
    cascade_timeout: Duration = option(Duration(35), "how long the queen waits for hives to end", "16", low=0)


def types_of(options: type[DaemonOptions]) -> dict[str, Any]:
    """Field name -> resolved type."""
    return typing.get_type_hints(options)


def parse(options: type[Options], program: str, argv: list[str], env: Mapping[str, str], *, words: tuple[str, ...] = ()) -> Options:
    """Reads options from environment and argv; argv wins.

    Args:
        options: the dataclass that declares them.
        program: name for messages; `RBEE_<LAST PART>_ARGS` holds more words.
        argv: words without the program's name.
        env: the environment.
        words: bare words that are accepted and ignored (`daemon`).

    Raises:
        SystemExit: 2 for bad flags, 0 after `--help` and `--version`.
    """
    types = types_of(options)
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False, description=options.__doc__)
    parser.add_argument("--version", action="version", version=f"{program} {VERSION}")
    if words:
        parser.add_argument("word", nargs="*", choices=[*words, []], default=[], metavar=f"[{'|'.join(words)}]", help="accepted and ignored")
    for field in dataclasses.fields(options):
        _add(parser, field, types[field.name])
    role = program.rpartition("-")[2].upper()
    given = vars(parser.parse_args([*shlex.split(env.get(f"RBEE_{role}_ARGS", "")), *argv]))
    given.pop("word", None)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = given[field.name]
        if value is None or (field.metadata["secret"] and value == MASK):
            value = next((env[name] for name in field.metadata["env"] if env.get(name)), None)
        if value is None and field.metadata["required"]:
            parser.error(f"the following arguments are required: --{field.name.replace('_', '-')}")
        if value is not None:
            values[field.name] = value
    return options(**values)


def _add(parser: argparse.ArgumentParser, field: dataclasses.Field[Any], kind: Any) -> None:
    names = [f"--{field.name.replace('_', '-')}", *field.metadata["flags"]]
    text = f"{field.metadata['help']} (contract {field.metadata['section']}; default: {default_text(field)})".replace("%", "%%")
    base = base_type(kind)
    if base is bool:
        parser.add_argument(*names, dest=field.name, action="store_true", default=None, help=text)
    elif typing.get_origin(kind) is list:
        parser.add_argument(*names, dest=field.name, action="append", help=text)
    elif choices := typing.get_args(base):
        parser.add_argument(*names, dest=field.name, choices=choices, help=text)
    else:
        parser.add_argument(*names, dest=field.name, type=_reader(base, field), help=text, metavar=base.__name__.upper())


def _reader(base: Any, field: dataclasses.Field[Any]) -> Any:
    low, high = field.metadata["low"], field.metadata["high"]

    def read(text: str) -> Any:
        try:
            value = base.parse(text) if hasattr(base, "parse") else base(text)
        except ValueError as error:
            expected = "a whole number" if base is int else str(error)
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}" if base is int else expected) from None
        if (low is not None and value < low) or (high is not None and value > high):
            raise argparse.ArgumentTypeError(
                f"{text} is out of range, expected {low:g} to {high:g}" if high is not None else f"{text} is out of range, expected at least {low:g}"
            )
        return value

    return read


def base_type(kind: Any) -> Any:
    """The type of an option without `| None`."""
    arguments = [argument for argument in typing.get_args(kind) if argument is not type(None)]
    is_optional = type(None) in typing.get_args(kind)
    return arguments[0] if is_optional and len(arguments) == 1 else kind


def default_text(field: dataclasses.Field[Any]) -> str:
    """A default as a person reads it."""
    if field.default is None or field.default is dataclasses.MISSING:
        return "none"
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    return str(field.default)


def to_argv(values: Mapping[str, Any]) -> list[str]:
    """Words of a command line for the values that are set; None and False are left out."""
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


def split_durations(text: str) -> list[float]:
    """Reads `1s,2s,4s`; an empty text is an empty list."""
    return [Duration.parse(part) for part in text.split(",") if part.strip()]


def masked(argv: list[str], options: type[DaemonOptions]) -> list[str]:
    """argv as it may be shown: secrets are `***`."""
    secret = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(options) if field.metadata["secret"]}
    shown: list[str] = []
    for word in argv:
        name, has_value, _ = word.partition("=")
        if shown and shown[-1] in secret:
            shown.append(MASK)
        else:
            shown.append(f"{name}={MASK}" if name in secret and has_value else word)
    return shown


def secret_environment(values: Mapping[str, Any], options: type[DaemonOptions]) -> dict[str, str]:
    """The secrets among option values, as the environment variables that carry them instead of argv."""
    return {field.metadata["env"][0]: str(values[field.name]) for field in dataclasses.fields(options) if field.metadata["secret"] and values.get(field.name)}
