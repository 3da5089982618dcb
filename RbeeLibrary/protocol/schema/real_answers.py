"""What the real programs of the origin's time answer (contract 17), for checks of their answers; fakes never answer so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import answers as a
from . import events as e
from .conformity import wrong_body
from .fields import anything, integer, record, records, text
from .routes import TEXT, Answer, Events

_FRAMEWORK_STATUSES = (400, 413, 415, 422)
"""What their HTTP framework answers, as text, to a body that it cannot take."""


@a.described
class RealNode:
    """A node in the registry of a real queen."""

    node_name: str = text()
    ssh_host: str = text()
    ssh_port: int = integer(0, 65535)
    ssh_user: str = text()
    ssh_key_path: str | None = text(nullable=True)
    git_repo_url: str = text()
    git_branch: str = text()
    install_path: str = text()
    last_connected_unix: int | None = integer(0, nullable=True)
    status: str = text()
    backends: str | None = text(nullable=True)
    devices: str | None = text(nullable=True)


@a.described
class RealNodes:
    """The registry of a real queen."""

    nodes: list[RealNode] = records(RealNode)


@a.described
class NodeAnswer(a.Accepted):
    """The answer of a real queen to a node that is added; its name may be empty."""

    node_name: str = text()


@a.described
class Moment:
    """A time as the real programs serialize it."""

    secs_since_epoch: int = integer(0)
    nanos_since_epoch: int = integer(0)


@a.described
class RealHiveWorker:
    """A worker in the list of a real hive."""

    id: str = text(1)
    url: str = text(1)
    model_ref: str = text(1)
    backend: str = text()
    device: int = integer(0)
    state: str = text(choices=("loading", "idle", "busy", "error"))
    last_activity: Moment = record(Moment)


@a.described
class RealHiveWorkers:
    """The list of a real hive."""

    workers: list[RealHiveWorker] = records(RealHiveWorker)


@a.described
class LlmWorkerHealth:
    """The health of the llm-worker."""

    status: str = text(choices=("healthy",))
    vram_bytes: int = integer(0)


@a.described
class InvalidField:
    """A field of a request that the llm-worker refuses."""

    field: str = text(1)
    constraint: str = text(1)
    message: str = text(1)
    value: Any = anything()


@a.described
class InvalidFields:
    """All fields of a request that the llm-worker refuses."""

    errors: list[InvalidField] = records(InvalidField)


@dataclass(frozen=True)
class RealRoute:
    """One route of a real program.

    Args:
        method: HTTP method.
        path: path, without parameters: the real programs have none in theirs.
        answers: status -> answers.
        takes_json: whether the framework parses the body, and so refuses some itself.
    """

    method: str
    path: str
    answers: dict[int, tuple[Answer, ...]]
    takes_json: bool = False


_TOKENS = Events((e.PlainToken, e.TypedStart, e.TypedToken, e.TypedEnd, e.TypedError, e.Narration))
REAL_ROUTES = {
    "queen-rbee": (
        RealRoute("GET", "/health", {200: (a.Well,)}),
        RealRoute("GET", "/v2/registry/beehives/list", {200: (RealNodes,)}),
        RealRoute("POST", "/v2/registry/beehives/add", {200: (NodeAnswer,), 400: (NodeAnswer,)}, takes_json=True),
        RealRoute("POST", "/v2/registry/beehives/remove", {200: (a.Accepted,), 404: (a.Accepted,)}, takes_json=True),
        RealRoute("GET", "/v2/workers/list", {200: (a.QueenWorkers,)}),
        RealRoute("GET", "/v2/workers/health", {200: (a.WorkersHealth,)}),
        RealRoute("POST", "/v2/workers/shutdown", {200: (a.Accepted,), 500: (a.Accepted,)}, takes_json=True),
        RealRoute("POST", "/v2/tasks", {200: (_TOKENS,), 404: (TEXT,), 500: (TEXT,), 503: (TEXT,)}, takes_json=True),
    ),
    "rbee-hive": (
        RealRoute("GET", "/v1/health", {200: (a.HiveHealth,)}),
        RealRoute("GET", "/v1/workers/list", {200: (RealHiveWorkers,)}),
        RealRoute("POST", "/v1/workers/spawn", {200: (a.Spawned,), 500: (TEXT,)}, takes_json=True),
        RealRoute("POST", "/v1/workers/ready", {200: (a.HeartbeatTaken,)}, takes_json=True),
        RealRoute("POST", "/v1/models/download", {200: (a.DownloadBegun,)}, takes_json=True),
        RealRoute("GET", "/v1/models/download/progress", {200: (Events((e.Downloading, e.DownloadComplete, e.StageError)),), 400: (TEXT,), 404: (TEXT,)}),
    ),
    "llm-worker-rbee": (
        RealRoute("GET", "/health", {200: (LlmWorkerHealth,)}),
        RealRoute("GET", "/v1/ready", {200: (a.Readiness,)}),
        RealRoute("GET", "/v1/loading/progress", {200: (Events((e.LayersLoaded, e.LoadingEnded)),), 503: (TEXT,)}),
        RealRoute("POST", "/v1/inference", {200: (_TOKENS,), 400: (InvalidFields,)}, takes_json=True),
    ),
    "mock-worker": (
        RealRoute("GET", "/v1/health", {200: (a.WorkerWell,)}),
        RealRoute("GET", "/v1/ready", {200: (a.Readiness,)}),
        RealRoute("POST", "/v1/inference", {200: (Events((e.PlainToken,)),)}, takes_json=True),
    ),
}
"""Name of a profile -> routes of the program."""
PROGRAMS = {"queen": ("queen-rbee",), "hive": ("rbee-hive",), "worker": ("llm-worker-rbee", "mock-worker")}
"""Service -> real programs that are one."""


def wrong_real_answer(program: str, method: str, path: str, status: int, allow: str | None, body: Any) -> list[str]:
    """Deviations of a complete response from what a real program answers, as sentences.

    Args:
        program: key of `REAL_ROUTES`.
        method: HTTP method of the request.
        path: path of the request, without query string.
        status: HTTP status.
        allow: header `Allow`, if there is one.
        body: JSON value; bytes if the body is no JSON; list of events of a stream; None for no body.
    """
    routes = [route for route in REAL_ROUTES[program] if route.path == path]
    if not routes:
        return _bare(status, 404, body, f"{program} has no path {path}")
    route = next((one for one in routes if one.method == ("GET" if method == "HEAD" else method)), None)
    if route is None:
        allowed = ",".join("GET,HEAD" if one.method == "GET" else one.method for one in routes)
        findings = _bare(status, 405, body, f"{program} has no {method} {path}")
        return findings if findings or allow == allowed else [f"Allow is {allow or 'missing'}, expected {allowed}"]
    options = list(route.answers.get(status, ()))
    if route.takes_json and status in _FRAMEWORK_STATUSES:
        options.append(TEXT)
    if not options:
        known = sorted({*route.answers, *(_FRAMEWORK_STATUSES if route.takes_json else ())})
        return [f"status {status}, expected {', '.join(map(str, known))}"]
    if method == "HEAD":
        return [] if body is None else ["the answer to HEAD has a body"]
    return min((_wrong_as(option, body) for option in options), key=len)


def _wrong_as(option: Answer, body: Any) -> list[str]:
    if option == TEXT:
        return [] if isinstance(body, bytes) else [f"the body is {'empty' if body is None else 'JSON'}, expected plain text"]
    return wrong_body(option, body, exact=False)


def _bare(status: int, expected: int, body: Any, why: str) -> list[str]:
    if status != expected:
        return [f"status {status}, expected {expected}: {why}"]
    return [] if body is None else [f"a {expected} with a body, expected none"]
