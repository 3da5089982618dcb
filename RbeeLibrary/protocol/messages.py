"""Messages as dataclasses: a field says its rule once, reading and writing follow from it (contract 4 to 6)."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import RbeeError

Message = TypeVar("Message")
REQUIRED = dataclasses.MISSING
MAX_INTEGER = 2**63 - 1
ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
HOST_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}"
"""Names of hosts and users: nothing that ssh could take for an option."""
WORKER_STATES = ("loading", "idle", "busy", "draining", "stale-but-busy")


@dataclass(frozen=True)
class Rule:
    """What a value of a field has to be."""

    kind: type | tuple[type, ...]
    expected: str
    low: float | None = None
    high: float | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nullable: bool = False
    items: Rule | None = None

    def problem(self, value: Any) -> str | None:
        """Why the value is refused, or None."""
        if isinstance(value, bool) and self.kind is not bool:
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
            return next((found for item in value if (found := self.items.problem(item))), None)
        return None

    def _text_problem(self, value: str) -> str | None:
        if any("\ud800" <= char <= "\udfff" for char in value):
            return "unicode"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return "pattern"
        if self.choices and value not in self.choices:
            return "choice"
        return None


def _field(rule: Rule, default: Any) -> Any:
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
    """A string field, its length in characters."""
    if choices:
        expected = "one of " + ", ".join(choices)
    elif pattern:
        expected = f"a string that matches {pattern}"
    elif high is not None:
        expected = f"a string of {low} to {high} characters"
    else:
        expected = "a string" if not low else "a string that is not empty"
    return _field(Rule(str, expected, low or None, high, pattern, choices, aliases, nullable), default)


def integer(low: int | None = None, high: int = MAX_INTEGER, *, default: Any = REQUIRED, aliases: tuple[str, ...] = (), nullable: bool = False) -> Any:
    """An integer field."""
    expected = "an integer" if low is None else f"an integer from {low} to {high}"
    return _field(Rule(int, expected, -MAX_INTEGER if low is None else low, high, aliases=aliases, nullable=nullable), default)


def number(low: float, high: float, *, default: Any = REQUIRED) -> Any:
    """A field that takes integers and fractions."""
    return _field(Rule((int, float), f"a number from {low:g} to {high:g}", low, high), default)


def flag(*, default: Any = REQUIRED) -> Any:
    """A field that is true or false."""
    return _field(Rule(bool, "true or false"), default)


def anything(*, default: Any = None) -> Any:
    """A field that is taken as it comes."""
    return _field(Rule(object, "anything", nullable=True), default)


def texts(most: int, low: int, high: int) -> Any:
    """A list of strings; none by default."""
    rule = Rule(list, f"a list of up to {most} strings of {low} to {high} characters", None, most, items=Rule(str, "", low, high))
    return dataclasses.field(default_factory=list, metadata={"rule": rule})


def read(kind: type[Message], body: dict[str, Any]) -> Message:
    """Makes a message of a JSON object; unknown fields are ignored.

    Raises:
        RbeeError: INVALID_REQUEST with all problems in `details.errors` (contract 1.3).
    """
    values: dict[str, Any] = {}
    problems: list[dict[str, Any]] = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        rule: Rule = field.metadata["rule"]
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


def _problem(name: str, constraint: str, rule: Rule, value: Any) -> dict[str, Any]:
    what = "is missing" if constraint == "required" else f"is {_shown(value)!r}"
    return {"field": name, "constraint": constraint, "message": f"{name} {what}, expected {rule.expected}", "value": _shown(value)}


def _shown(value: Any) -> Any:
    """A value that somebody sent, cut to 80 characters and safe to encode."""
    if isinstance(value, str):
        return value[:80].encode("utf-8", "replace").decode()
    if isinstance(value, (list, dict)) or (isinstance(value, float) and not math.isfinite(value)):
        return ascii(value)[:80]
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    return value


def as_dict(message: Any) -> dict[str, Any]:
    """The fields of a message in their order."""
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}


@dataclass
class InferenceRequest:
    """POST /v1/inference (6.5)."""

    prompt: str = text(1, 32768)
    max_tokens: int | None = integer(1, 2048, default=None)
    temperature: float = number(0, 2, default=1.0)
    top_p: float = number(0, 1, default=1.0)
    top_k: int = integer(0, default=0)
    repetition_penalty: float = number(0, 2, default=1.0)
    min_p: float = number(0, 1, default=0.0)
    stop: list[str] = texts(4, 1, 100)
    seed: int = integer(default=42)
    stream: bool = flag(default=True)
    request_id: str | None = text(default=None, pattern=ID_PATTERN, aliases=("job_id",))


@dataclass
class ReadyCallback:
    """POST /v2/workers/ready and /v1/workers/ready (6.4): what a worker says of itself, in this order."""

    worker_id: str = text(1, 256)
    url: str = text(1, 2048, aliases=("uri",))
    model_ref: str = text(1, 512)
    state: str = text(default="idle", choices=WORKER_STATES)
    backend: str = text(0, 64, default="cpu")
    device: int = integer(0, default=0)
    slots_total: int = integer(1, default=1)
    slots_available: int | None = integer(0, default=None)

    def __post_init__(self) -> None:
        if self.slots_available is None:
            self.slots_available = self.slots_total if self.state == "idle" else 0


@dataclass
class HiveReadyCallback:
    """The same at a hive: only the id is needed, the rest is known from the row (5.2)."""

    worker_id: str = text(1, 256)
    state: str = text(default="idle", choices=WORKER_STATES)
    url: str | None = text(1, 2048, default=None, aliases=("uri",))
    model_ref: str | None = text(1, 512, default=None)
    backend: str | None = text(0, 64, default=None)
    device: int | None = integer(0, default=None)
    slots_total: int | None = integer(1, default=None)
    slots_available: int | None = integer(0, default=None)


@dataclass
class QueenReadyCallback(ReadyCallback):
    """What a hive relays: the callback with the node (4.2)."""

    node: str | None = text(0, 256, default=None, aliases=("node_name",))


@dataclass
class WorkerRegistration:
    """POST /v2/workers/register and /v1/workers/register (4.2)."""

    worker_id: str = text(1, 256)
    url: str = text(1, 2048)
    model_ref: str = text(1, 512)
    backend: str = text(0, 64)
    device: int = integer(0)
    node_name: str = text(0, 256)
    slots_total: int = integer(1, default=1)
    vram_bytes: int | None = integer(0, default=None)


@dataclass
class WorkerState:
    """PATCH /v1/workers/<id> (4.2)."""

    state: str = text(choices=WORKER_STATES)


@dataclass
class WorkerHeartbeat:
    """POST /v1/workers/<id>/heartbeat at the queen (4.2)."""

    timestamp: Any = anything()
    state: str | None = text(default=None, choices=WORKER_STATES)


@dataclass
class HiveHeartbeat:
    """POST /v1/heartbeat at the hive (5.2)."""

    worker_id: str = text(1, 256)
    timestamp: Any = anything()
    health_status: str = text(default="healthy", choices=("healthy", "degraded"))


@dataclass
class WorkerRemoved:
    """POST /v2/workers/removed (4.2)."""

    worker_id: str = text(1, 256)
    reason: str = text(0, 256)
    pid: int | None = integer(0, default=None)
    exit_code: int | None = integer(default=None)
    signal: int | None = integer(0, default=None)


@dataclass
class WorkerId:
    """POST /v2/workers/shutdown (4.2)."""

    worker_id: str = text(1, 256)


@dataclass
class SpawnRequest:
    """POST /v1/workers/spawn (5.2): everything is optional."""

    binary: str | None = text(1, 255, default=None)
    port: int | None = integer(1, 65535, default=None)
    worker_id: str | None = text(default=None, pattern=ID_PATTERN)
    model_ref: str | None = text(1, 4096, default=None, aliases=("model",))
    model_path: str = text(0, 4096, default="")
    backend: str = text(1, 64, default="cpu")
    device: int = integer(0, default=0, aliases=("cuda_device",))
    slots: int | None = integer(1, 1024, default=None)


@dataclass
class ShutdownRequest:
    """POST /v1/admin/shutdown (6.2)."""

    graceful: bool = flag(default=True)
    timeout_seconds: float | None = number(0, 86400, default=None)


@dataclass
class TaskRequest:
    """POST /v2/tasks (4.2)."""

    node: str = text(1, 256)
    model: str = text(1, 4096)
    prompt: str = text(1, 32768)
    max_tokens: int | None = integer(1, 2048, default=None)
    temperature: float | None = number(0, 2, default=None)
    backend: str | None = text(1, 64, default=None)
    device: int | None = integer(0, default=None)
    seed: int | None = integer(default=None)
    request_id: str | None = text(default=None, pattern=ID_PATTERN, aliases=("job_id",))
    direct: bool = flag(default=False)


@dataclass
class DownloadRequest:
    """POST /v1/models/download (5.2)."""

    model_ref: str = text(1, 4096)


@dataclass
class NodeRegistration:
    """POST /v2/registry/beehives/add (4.2)."""

    node_name: str = text(1, 256)
    ssh_host: str = text(pattern=HOST_PATTERN)
    ssh_user: str = text(pattern=HOST_PATTERN)
    git_repo_url: str = text(1, 2048)
    install_path: str = text(1, 4096)
    ssh_port: int = integer(1, 65535, default=22)
    ssh_key_path: str | None = text(1, 4096, default=None)
    git_branch: str = text(1, 256, default="main")
    backends: str | None = text(0, 4096, default=None)
    devices: str | None = text(0, 4096, default=None)
    update: bool = flag(default=False)


@dataclass
class NodeName:
    """POST /v2/registry/beehives/remove and /install (4.2)."""

    node_name: str = text(0, 256, default="")
