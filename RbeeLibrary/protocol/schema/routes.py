"""Every route of every service, declared once: fakes serve by it, `openapi.py` describes it, `conformity.py` judges by it (contract 4.2, 5.2, 6.2, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import answers as a
from . import events as e
from . import messages as m
from .fields import text


@dataclass(frozen=True)
class Events:
    """An answer that is a stream of events, which `[DONE]` ends."""

    kinds: tuple[type, ...]


@dataclass(frozen=True)
class Raw:
    """An answer that is no JSON."""

    content_type: str
    empty: bool = False


TEXT = Raw("text/plain; charset=utf-8")
FILE = Raw("application/octet-stream")
NOTHING = Raw("application/json", empty=True)
DOCUMENT = Raw("application/json")

Answer = type | Events | Raw


@dataclass(frozen=True)
class Route:
    """One route of a service.

    Args:
        method: of HTTP.
        path: with `{names}` of its variable parts.
        does: what it does, in a line.
        section: of the contract.
        answers: what it says when all is well, by status; a tuple where the request decides.
        takes: what its body is.
        query: what its query is.
        errors: codes that it may answer, beside those that every route may.
        statuses: of codes that have another status here than in the table.
        aliases: more paths that do the same.
        protected: whether a key is needed where there is one.
        relays: whether it passes on what somebody else said: any error may come.
        beside: what an error may have beside `error`, in the older shape.
        greedy: whether the last variable part may contain slashes.
    """

    method: str
    path: str
    does: str
    section: str
    answers: dict[int, Answer | tuple[Answer, ...]]
    takes: type | None = None
    query: type | None = None
    errors: tuple[str, ...] = ()
    statuses: Mapping[str, int] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    protected: bool = True
    relays: bool = False
    beside: tuple[str, ...] = ()
    greedy: bool = False
    paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", (self.path, *self.aliases))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def pattern(self, path: str) -> re.Pattern[str]:
        """What fits a path of it."""
        return re.compile(re.sub(r"\\{\w+\\}", ".+" if self.greedy else "[^/]+", re.escape(path)) + r"\Z")

    def fits(self, method: str, path: str) -> bool:
        """Whether a request goes there."""
        return method == self.method and any(self.pattern(one).match(path) for one in self.paths)


# --- queries ---


@dataclass
class OfNode:
    """Which node."""

    node: str | None = text(default=None)


@dataclass
class LogQuery:
    """Which log, and whether to stay."""

    node: str = text()
    follow: str | None = text(default=None, choices=("true", "1", "false", "0"))


@dataclass
class Follow:
    """Whether to stay."""

    follow: str | None = text(default=None, choices=("true", "1", "false", "0"))


@dataclass
class DownloadId:
    """Which download."""

    id: str | None = text(default=None)


_LOADING = (e.LayersLoaded, e.LoadingEnded)
_DOWNLOAD = (e.Downloading, e.Retrying, e.DownloadComplete, e.StageError)
_INFERENCE = Events((e.PlainToken, e.IndexedToken, e.IndexedEnd, e.TypedStart, e.TypedToken, e.TypedEnd, e.TypedError))
_MODEL_ERRORS = ("MODEL_NOT_FOUND", "MODEL_ACCESS_DENIED", "INSUFFICIENT_DISK", "DOWNLOAD_FAILED", "DOWNLOAD_TIMEOUT")
_SSH_ERRORS = ("SSH_TIMEOUT", "SSH_AUTH_FAILED", "SSH_FAILED", "HIVE_NOT_INSTALLED")
_OLD = ("success", "message")
_DESCRIPTION = Route("GET", "/openapi.json", "Describes the service (OpenAPI 3.1).", "1.6", {200: DOCUMENT}, protected=False)

QUEEN = (
    _DESCRIPTION,
    Route("GET", "/health", "Says whether the queen is well.", "4.2", {200: a.Well}, aliases=("/v1/health",), protected=False),
    Route(
        "POST",
        "/v2/registry/beehives/add",
        "Registers a node, after one successful ssh probe.",
        "4.2",
        {200: a.NodeAccepted},
        m.NodeRegistration,
        errors=("NODE_ALREADY_EXISTS", "INTERNAL", *_SSH_ERRORS),
        statuses=dict.fromkeys(_SSH_ERRORS, 400),
        beside=(*_OLD, "node_name"),
    ),
    Route("GET", "/v2/registry/beehives/list", "Lists the registered nodes.", "4.2", {200: a.Nodes}, errors=("INTERNAL",), beside=("nodes",)),
    Route("POST", "/v2/registry/beehives/remove", "Drops a node.", "4.2", {200: a.Accepted}, m.NodeName, errors=("NODE_NOT_FOUND", "INTERNAL"), beside=_OLD),
    Route(
        "POST",
        "/v2/registry/beehives/install",
        "Installs rbee on a node and says how far it is.",
        "4.2",
        {200: Events((e.InstallStage, e.StageError))},
        m.NodeName,
        errors=("NODE_NOT_FOUND", "INTERNAL"),
    ),
    Route("GET", "/v2/workers/list", "Lists the workers that the queen knows.", "4.3", {200: a.QueenWorkers}),
    Route("GET", "/v2/workers/health", "Asks each worker whether it is ready.", "4.2", {200: a.WorkersHealth}, query=OfNode, errors=("NODE_NOT_FOUND",)),
    Route("POST", "/v2/workers/ready", "Takes the callback of a worker, itself or through its hive.", "4.2", {200: a.Accepted}, m.QueenReadyCallback),
    Route("POST", "/v2/workers/register", "Registers a worker, or overwrites its row.", "4.2", {200: a.WorkerAccepted}, m.WorkerRegistration),
    Route(
        "POST",
        "/v1/workers/register",
        "Registers a worker; of several at once exactly one wins.",
        "4.2",
        {201: a.WorkerAccepted},
        m.WorkerRegistration,
        errors=("WORKER_ALREADY_REGISTERED",),
    ),
    Route("PATCH", "/v1/workers/{worker_id}", "Changes the state of a worker.", "4.2", {200: a.WorkerPatched}, m.WorkerState, errors=("WORKER_NOT_FOUND",)),
    Route("POST", "/v1/workers/{worker_id}/heartbeat", "Takes a heartbeat.", "4.2", {200: a.Done}, m.WorkerHeartbeat, errors=("WORKER_NOT_FOUND",)),
    Route("POST", "/v2/workers/removed", "Drops the row of a worker that is gone.", "4.2", {200: a.Done}, m.WorkerRemoved, errors=("WORKER_NOT_FOUND",)),
    Route(
        "POST",
        "/v2/workers/shutdown",
        "Tells a worker to end.",
        "4.2",
        {200: a.Accepted},
        m.WorkerId,
        errors=("WORKER_NOT_FOUND", "WORKER_UNREACHABLE"),
        beside=_OLD,
    ),
    Route(
        "POST",
        "/v2/tasks",
        "Finds or starts a worker for a task and relays its stream.",
        "3.1",
        {200: (_INFERENCE, a.TaskPlace)},
        m.TaskRequest,
        relays=True,
    ),
    Route(
        "GET",
        "/v2/tasks/{request_id}/progress",
        "Says how far a task is.",
        "4.2",
        {200: Events((*_LOADING, *_DOWNLOAD, e.Connecting))},
        errors=("TASK_NOT_FOUND",),
    ),
    Route("DELETE", "/v2/tasks/{request_id}", "Cancels a task; also again, and for an unknown id.", "4.2", {204: NOTHING}),
    Route("GET", "/v2/logs", "The log of a node's hive.", "4.2", {200: TEXT}, query=LogQuery, errors=("NODE_NOT_FOUND", "HIVE_ERROR"), relays=True),
)

HIVE = (
    _DESCRIPTION,
    Route("GET", "/v1/health", "Says whether the hive is alive.", "5.2", {200: a.HiveHealth}, aliases=("/health",), protected=False),
    Route(
        "POST",
        "/v1/workers/spawn",
        "Starts a worker, with its model if need be.",
        "5.5",
        {200: a.Spawned},
        m.SpawnRequest,
        errors=(
            *_MODEL_ERRORS,
            "INTERNAL",
            "VRAM_EXHAUSTED",
            "BACKEND_UNAVAILABLE",
            "WORKER_BINARY_NOT_FOUND",
            "NO_FREE_PORT",
            "WORKER_ALREADY_REGISTERED",
            "WORKER_CRASHED",
            "SHUTTING_DOWN",
        ),
    ),
    Route(
        "POST", "/v1/workers/ready", "Takes the callback of a worker of this hive.", "5.2", {200: a.Accepted}, m.HiveReadyCallback, errors=("WORKER_NOT_FOUND",)
    ),
    Route("GET", "/v1/workers/list", "Lists the workers of this hive, states as they are now.", "5.3", {200: a.HiveWorkers}),
    Route(
        "POST",
        "/v1/models/download",
        "Begins the download of a model that is not here.",
        "5.2",
        {200: a.DownloadBegun},
        m.DownloadRequest,
        errors=_MODEL_ERRORS,
    ),
    Route(
        "GET",
        "/v1/models/download/progress",
        "Says how far a download is.",
        "12",
        {200: Events(_DOWNLOAD)},
        query=DownloadId,
        errors=("DOWNLOAD_NOT_FOUND",),
    ),
    Route(
        "POST",
        "/v1/heartbeat",
        "Takes a worker's heartbeat and tells the queen.",
        "5.2",
        {200: a.HeartbeatTaken},
        m.HiveHeartbeat,
        errors=("WORKER_NOT_FOUND",),
    ),
    Route("GET", "/v1/logs", "The hive's own log.", "5.2", {200: TEXT}, query=Follow),
    Route("POST", "/v1/admin/shutdown", "Ends the hive and its workers.", "16", {202: a.Accepted}, m.ShutdownRequest, aliases=("/v1/shutdown",)),
)

WORKER = (
    _DESCRIPTION,
    Route("GET", "/v1/health", "Says whether the worker is well.", "6.2", {200: a.WorkerWell}, aliases=("/health",), protected=False),
    Route("GET", "/v1/ready", "Says whether the worker takes requests.", "6.2", {200: a.Readiness}, protected=False),
    Route("GET", "/v1/status", "Says all about the worker.", "6.2", {200: a.WorkerStatus}),
    Route("GET", "/v1/loading/progress", "Says how far loading is.", "6.6", {200: Events(_LOADING)}),
    Route(
        "POST",
        "/v1/inference",
        "Answers a prompt token by token.",
        "6.5",
        {200: _INFERENCE},
        m.InferenceRequest,
        errors=("ALL_SLOTS_BUSY", "WORKER_NOT_READY"),
    ),
    Route("DELETE", "/v1/inference/{request_id}", "Cancels a request; also again, and for an unknown id.", "6.5", {204: NOTHING}, greedy=True),
    Route("POST", "/v1/admin/shutdown", "Drains and ends the worker.", "6.8", {202: a.ShutdownBegun}, m.ShutdownRequest, aliases=("/v1/shutdown",)),
)

_HUB_ERRORS = ("NOT_FOUND", "MODEL_ACCESS_DENIED")
_FILE_ANSWERS: dict[int, Answer | tuple[Answer, ...]] = {200: FILE, 206: FILE, 416: NOTHING}
HUB = (
    _DESCRIPTION,
    Route("GET", "/health", "Says whether the hub is well.", "9.2", {200: a.Well}, protected=False),
    Route(
        "GET",
        "/api/models/{org}/{repo}",
        "Lists the files of a repository.",
        "9.2",
        {200: a.Repository},
        errors=_HUB_ERRORS,
        aliases=("/api/models/{org}/{repo}/revision/{revision}",),
    ),
    *(
        route
        for method in ("GET", "HEAD")
        for route in (
            Route(
                method,
                "/{org}/{repo}/resolve/{revision}/{name}",
                "A file, or the way to it.",
                "9.2",
                {**_FILE_ANSWERS, 302: NOTHING},
                errors=_HUB_ERRORS,
            ),
            Route(method, "/cdn/{org}/{repo}/{name}", "A file.", "9.2", _FILE_ANSWERS, errors=_HUB_ERRORS),
        )
    ),
)

SERVICES = {"queen": QUEEN, "hive": HIVE, "worker": WORKER, "hub": HUB}


def find_route(service: str, method: str, path: str) -> Route | None:
    """The route of a service that a request goes to; a path without variable parts comes first."""
    found = [route for route in SERVICES[service] if route.fits(method, path)]
    return min(found, key=lambda route: "{" in route.path, default=None)
