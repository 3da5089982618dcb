"""All routes of all services, as used by fakes, `openapi.py` and `conformity.py` (contract 4.2, 5.2, 6.2, 9.2)."""

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
    """A response that is a stream of events of these classes, terminated by `[DONE]`."""

    kinds: tuple[type, ...]


@dataclass(frozen=True)
class Raw:
    """A response whose body has no described JSON."""

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
        method: HTTP method.
        path: path with its parameters as `{name}`.
        does: summary in one sentence.
        section: section of the contract.
        answers: status -> response on success; a tuple of alternatives if it depends on the request.
        takes: message class of the request body.
        query: message class of the query string.
        errors: error codes of the route, beside those of every route.
        statuses: error code -> HTTP status, where it differs from `ERRORS`.
        aliases: further paths of the route.
        protected: whether a key is required if the service has one.
        relays: whether responses of other programs are passed on, so that any error code may occur.
        beside: fields beside `error` in error responses (older shape).
        greedy: whether path parameters may contain slashes.
        takes_form: whether the request body is a URL-encoded form instead of JSON.
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
    takes_form: bool = False
    paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", (self.path, *self.aliases))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def pattern(self, path: str) -> re.Pattern[str]:
        """Regular expression for the actual paths of one of `paths`."""
        return re.compile(re.sub(r"\\{\w+\\}", ".+" if self.greedy else "[^/]+", re.escape(path)) + r"\Z")

    def fits(self, method: str, path: str) -> bool:
        """Whether a request belongs to this route."""
        return method == self.method and any(self.pattern(one).match(path) for one in self.paths)


# --- queries ---


@dataclass
class OfNode:
    """Query with the name of a node."""

    node: str | None = text(default=None)


@dataclass
class LogQuery:
    """Query for the log of a node, possibly followed."""

    node: str = text()
    follow: str | None = text(default=None, choices=("true", "1", "false", "0"))


@dataclass
class Follow:
    """Query for a log, possibly followed."""

    follow: str | None = text(default=None, choices=("true", "1", "false", "0"))


@dataclass
class DownloadId:
    """Query with the id of a download."""

    id: str | None = text(default=None)


_LOADING = (e.LayersLoaded, e.LoadingEnded)
_DOWNLOAD = (e.Downloading, e.Retrying, e.DownloadComplete, e.StageError)
_INFERENCE = Events((e.PlainToken, e.IndexedToken, e.IndexedEnd, e.Narration, e.TypedStart, e.TypedToken, e.TypedEnd, e.TypedError))
_MODEL_ERRORS = ("MODEL_NOT_FOUND", "MODEL_ACCESS_DENIED", "INSUFFICIENT_DISK", "DOWNLOAD_FAILED", "DOWNLOAD_TIMEOUT")
_SSH_ERRORS = (
    "SSH_TIMEOUT",
    "SSH_AUTH_FAILED",
    "SSH_HOST_KEY_CHANGED",
    "SSH_COMMAND_TIMEOUT",
    "SSH_CONNECTION_LOST",
    "SSH_FAILED",
    "HIVE_NOT_INSTALLED",
)
_OLD = ("success", "message")
_DESCRIPTION = Route("GET", "/openapi.json", "Returns the description of the service (OpenAPI 3.1).", "1.6", {200: DOCUMENT}, protected=False)

QUEEN = (
    _DESCRIPTION,
    Route("GET", "/health", "Reports whether the queen is healthy.", "4.2", {200: a.Well}, aliases=("/v1/health",), protected=False),
    Route(
        "POST",
        "/v2/registry/beehives/add",
        "Registers a node, after a successful ssh probe.",
        "4.2",
        {200: a.NodeAccepted},
        m.NodeRegistration,
        errors=("NODE_ALREADY_EXISTS", "INTERNAL", *_SSH_ERRORS),
        statuses=dict.fromkeys(_SSH_ERRORS, 400),
        beside=(*_OLD, "node_name"),
    ),
    Route("GET", "/v2/registry/beehives/list", "Lists the registered nodes.", "4.2", {200: a.Nodes}, errors=("INTERNAL",), beside=("nodes",)),
    Route("POST", "/v2/registry/beehives/remove", "Removes a node.", "4.2", {200: a.Accepted}, m.NodeName, errors=("NODE_NOT_FOUND", "INTERNAL"), beside=_OLD),
    Route(
        "POST",
        "/v2/registry/beehives/install",
        "Installs rbee on a node and streams the progress.",
        "4.2",
        {200: Events((e.InstallStage, e.StageError))},
        m.NodeName,
        errors=("NODE_NOT_FOUND", "INTERNAL"),
    ),
    Route("GET", "/v2/workers/list", "Lists the workers that the queen knows.", "4.3", {200: a.QueenWorkers}),
    Route("GET", "/v2/workers/health", "Reports the readiness of each worker.", "4.2", {200: a.WorkersHealth}, query=OfNode, errors=("NODE_NOT_FOUND",)),
    Route("POST", "/v2/workers/ready", "Receives the ready callback of a worker, directly or from its hive.", "4.2", {200: a.Accepted}, m.QueenReadyCallback),
    Route("POST", "/v2/workers/register", "Registers a worker, or updates its entry.", "4.2", {200: a.WorkerAccepted}, m.WorkerRegistration),
    Route(
        "POST",
        "/v1/workers/register",
        "Registers a worker; of concurrent requests for one id exactly one succeeds.",
        "4.2",
        {201: a.WorkerAccepted},
        m.WorkerRegistration,
        errors=("WORKER_ALREADY_REGISTERED",),
    ),
    Route("PATCH", "/v1/workers/{worker_id}", "Changes the state of a worker.", "4.2", {200: a.WorkerPatched}, m.WorkerState, errors=("WORKER_NOT_FOUND",)),
    Route("POST", "/v1/workers/{worker_id}/heartbeat", "Receives a heartbeat.", "4.2", {200: a.Done}, m.WorkerHeartbeat, errors=("WORKER_NOT_FOUND",)),
    Route("POST", "/v2/workers/removed", "Removes the entry of a worker that has ended.", "4.2", {200: a.Done}, m.WorkerRemoved, errors=("WORKER_NOT_FOUND",)),
    Route(
        "POST",
        "/v2/workers/shutdown",
        "Shuts a worker down.",
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
        "Streams the progress of a task.",
        "4.2",
        {200: Events((*_LOADING, *_DOWNLOAD, e.Connecting))},
        errors=("TASK_NOT_FOUND",),
    ),
    Route("DELETE", "/v2/tasks/{request_id}", "Cancels a task; idempotent, also for unknown ids.", "4.2", {204: NOTHING}),
    Route("GET", "/v2/logs", "Returns the log of a node's hive.", "4.2", {200: TEXT}, query=LogQuery, errors=("NODE_NOT_FOUND", "HIVE_ERROR"), relays=True),
)

HIVE = (
    _DESCRIPTION,
    Route("GET", "/v1/health", "Reports whether the hive is alive.", "5.2", {200: a.HiveHealth}, aliases=("/health",), protected=False),
    Route(
        "POST",
        "/v1/workers/spawn",
        "Starts a worker, and provisions its model if necessary.",
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
        "POST",
        "/v1/workers/ready",
        "Receives the ready callback of a worker of this hive.",
        "5.2",
        {200: a.Accepted},
        m.HiveReadyCallback,
        errors=("WORKER_NOT_FOUND",),
    ),
    Route("GET", "/v1/workers/list", "Lists the workers of this hive with their current states.", "5.3", {200: a.HiveWorkers}),
    Route(
        "POST",
        "/v1/models/download",
        "Starts the download of a model that is not in the catalog.",
        "5.2",
        {200: a.DownloadBegun},
        m.DownloadRequest,
        errors=_MODEL_ERRORS,
    ),
    Route(
        "DELETE",
        "/v1/models/download",
        "Cancels a download; what has come so far is kept for the next one.",
        "5.2",
        {204: NOTHING},
        query=DownloadId,
        errors=("DOWNLOAD_NOT_FOUND",),
    ),
    Route(
        "GET",
        "/v1/models/download/progress",
        "Streams the progress of a download.",
        "12",
        {200: Events(_DOWNLOAD)},
        query=DownloadId,
        errors=("DOWNLOAD_NOT_FOUND",),
    ),
    Route(
        "POST",
        "/v1/heartbeat",
        "Receives the heartbeat of a worker and relays it to the queen.",
        "5.2",
        {200: a.HeartbeatTaken},
        m.HiveHeartbeat,
        errors=("WORKER_NOT_FOUND",),
    ),
    Route("GET", "/v1/logs", "Returns the log of the hive.", "5.2", {200: TEXT}, query=Follow),
    Route("POST", "/v1/admin/shutdown", "Shuts the hive and its workers down.", "16", {202: a.Accepted}, m.ShutdownRequest, aliases=("/v1/shutdown",)),
)

WORKER = (
    _DESCRIPTION,
    Route("GET", "/v1/health", "Reports whether the worker is healthy.", "6.2", {200: a.WorkerWell}, aliases=("/health",), protected=False),
    Route("GET", "/v1/ready", "Reports whether the worker accepts requests.", "6.2", {200: a.Readiness}, protected=False),
    Route("GET", "/v1/status", "Reports the complete status of the worker.", "6.2", {200: a.WorkerStatus}),
    Route("GET", "/v1/loading/progress", "Streams the progress of loading.", "6.6", {200: Events(_LOADING)}),
    Route(
        "POST",
        "/v1/inference",
        "Runs an inference and streams its tokens.",
        "6.5",
        {200: _INFERENCE},
        m.InferenceRequest,
        errors=("ALL_SLOTS_BUSY", "WORKER_NOT_READY"),
    ),
    Route("DELETE", "/v1/inference/{request_id}", "Cancels a request; idempotent, also for unknown ids.", "6.5", {204: NOTHING}, greedy=True),
    Route("POST", "/v1/admin/shutdown", "Drains the worker and shuts it down.", "6.8", {202: a.ShutdownBegun}, m.ShutdownRequest, aliases=("/v1/shutdown",)),
)

_HUB_ERRORS = ("NOT_FOUND", "MODEL_ACCESS_DENIED")
_FILE_ANSWERS: dict[int, Answer | tuple[Answer, ...]] = {200: FILE, 206: FILE, 416: NOTHING}
HUB = (
    _DESCRIPTION,
    Route("GET", "/health", "Reports whether the hub is healthy.", "9.2", {200: a.Well}, protected=False),
    Route(
        "GET",
        "/api/models/{org}/{repo}",
        "Lists the files of a repository.",
        "9.2",
        {200: a.Repository},
        errors=_HUB_ERRORS,
        aliases=("/api/models/{org}/{repo}/revision/{revision}",),
    ),
    Route("GET", "/api/models/{org}/{repo}/tree/{revision}", "Lists the files of a repository as a tree.", "9.2", {200: DOCUMENT}, errors=_HUB_ERRORS),
    Route("GET", "/api/models/{org}/{repo}/refs", "Lists the branches of a repository.", "9.2", {200: DOCUMENT}, errors=_HUB_ERRORS),
    Route(
        "POST",
        "/api/models/{org}/{repo}/paths-info/{revision}",
        "Describes some files of a repository.",
        "9.2",
        {200: DOCUMENT},
        errors=_HUB_ERRORS,
        takes_form=True,
    ),
    *(
        route
        for method in ("GET", "HEAD")
        for route in (
            Route(
                method,
                "/{org}/{repo}/resolve/{revision}/{name}",
                "Returns a file, or a redirect to it.",
                "9.2",
                {**_FILE_ANSWERS, 302: NOTHING},
                errors=_HUB_ERRORS,
            ),
            Route(method, "/cdn/{org}/{repo}/{name}", "Returns a file.", "9.2", _FILE_ANSWERS, errors=_HUB_ERRORS),
        )
    ),
)

SERVICES = {"queen": QUEEN, "hive": HIVE, "worker": WORKER, "hub": HUB}


def find_route(service: str, method: str, path: str) -> Route | None:
    """The route of a request, or None.

    Args:
        service: one of `SERVICES`.
        method: HTTP method.
        path: path of the request, without query string.
    """
    return next((route for route in SERVICES[service] if route.fits(method, path)), None)
