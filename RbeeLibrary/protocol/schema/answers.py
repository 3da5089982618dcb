"""Response bodies as dataclasses, fields in wire order (contract 4.2, 5.2, 6.2, 9.2, 12).

They are used for descriptions and checks only and are never instantiated, which keeps the start of a fake cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import anything, flag, ids, integer, record, records, text
from .messages import WORKER_STATES

described = dataclass(init=False, repr=False, eq=False)
_WORKER_SAYS = ("starting", "loading", "idle", "busy", "draining")


# --- all services ---


@described
class ErrorObject:
    """The `error` object of an error response (13)."""

    code: str = text(1)
    message: str = text(1)
    slots_total: int = integer(1, default=None)
    slots_busy: int = integer(0, default=None)
    details: Any = anything()


@described
class Well:
    """GET /health of queen and hub."""

    status: str = text(choices=("ok",))
    version: str = text(1)


@described
class Accepted:
    """The request was accepted."""

    success: bool = flag()
    message: str = text(1)


@described
class Done:
    """The request was carried out."""

    success: bool = flag()


# --- queen ---


@described
class QueenWorker:
    """A worker in the queen's list (4.3)."""

    worker_id: str = text(1)
    node: str = text()
    state: str = text(choices=WORKER_STATES)
    model_ref: str = text(1)
    url: str = text(1)
    backend: str = text()
    device: int = integer(0)
    slots_total: int = integer(1)
    slots_available: int = integer(0)
    last_heartbeat_unix: int | None = integer(0, nullable=True)


@described
class QueenWorkers:
    """GET /v2/workers/list."""

    workers: list[QueenWorker] = records(QueenWorker)


@described
class WorkerHealth:
    """Readiness of a worker."""

    worker_id: str = text(1)
    state: str = text(choices=(*_WORKER_SAYS, "unreachable"))
    ready: bool = flag()


@described
class WorkersHealth:
    """GET /v2/workers/health."""

    status: str = text(choices=("ok",))
    workers: list[WorkerHealth] = records(WorkerHealth)


@described
class WorkerAccepted(Accepted):
    """The worker was registered."""

    worker_id: str = text(1)


@described
class WorkerPatched:
    """PATCH /v1/workers/<id>."""

    success: bool = flag()
    worker_id: str = text(1)
    state: str = text(choices=WORKER_STATES)


@described
class TaskPlace:
    """POST /v2/tasks with `direct`: the location of the hive."""

    node: str = text(1)
    hive_url: str = text(1)


@described
class NodeAccepted(Accepted):
    """POST /v2/registry/beehives/add."""

    node_name: str = text(1)


@described
class NodeRow:
    """A row of the table `beehives` (10.1)."""

    node_name: str = text(1)
    ssh_host: str = text(1)
    ssh_port: int = integer(1, 65535)
    ssh_user: str = text(1)
    ssh_key_path: str | None = text(nullable=True)
    git_repo_url: str = text(1)
    git_branch: str = text(1)
    install_path: str = text(1)
    last_connected_unix: int | None = integer(0, nullable=True)
    last_error: str | None = text(nullable=True)
    status: str = text(choices=("unknown", "reachable", "unreachable"))
    backends: str | None = text(nullable=True)
    devices: str | None = text(nullable=True)


@described
class Nodes:
    """GET /v2/registry/beehives/list."""

    nodes: list[NodeRow] = records(NodeRow)


# --- hive ---


@described
class HiveHealth:
    """GET /v1/health of a hive."""

    status: str = text(choices=("alive",))
    version: str = text(1)
    api_version: str = text(choices=("v1",))


@described
class Spawned:
    """POST /v1/workers/spawn."""

    worker_id: str = text(1)
    url: str = text(1)
    state: str = text(choices=("loading",))


@described
class HiveWorker:
    """A worker in a hive's list (5.3)."""

    worker_id: str = text(1)
    url: str = text(1)
    state: str = text(choices=("starting", *WORKER_STATES))
    id: str = text(1)
    pid: int | None = integer(1, nullable=True)
    model_ref: str = text(1)
    backend: str = text()
    device: int = integer(0)
    slots_total: int = integer(1)
    slots_available: int = integer(0)
    last_activity: str = text(1)


@described
class HiveWorkers:
    """GET /v1/workers/list."""

    workers: list[HiveWorker] = records(HiveWorker)


@described
class DownloadBegun:
    """POST /v1/models/download."""

    download_id: str = text(1)
    local_path: str | None = text(nullable=True)


@described
class HeartbeatTaken:
    """POST /v1/heartbeat."""

    message: str = text(1)


# --- worker ---


@described
class WorkerWell:
    """GET /v1/health of a worker."""

    status: str = text(choices=("healthy",))
    state: str = text(choices=_WORKER_SAYS)


@described
class Readiness:
    """GET /v1/ready."""

    ready: bool = flag()
    state: str = text(choices=_WORKER_SAYS)
    progress_url: str = text(1, default=None)
    model_loaded: bool = flag(default=None)


@described
class Gguf:
    """Metadata from the header of a model file."""

    architecture: str | None = text(nullable=True)
    vocab_size: int | None = integer(0, nullable=True)
    eos_token_id: int | None = integer(0, nullable=True)
    quantization: str | None = text(nullable=True)
    size_bytes: int = integer(0)


@described
class WorkerStatus:
    """GET /v1/status."""

    worker_id: str = text(1)
    pid: int = integer(1)
    url: str = text(1)
    state: str = text(choices=_WORKER_SAYS)
    model_ref: str = text()
    model_path: str | None = text(nullable=True)
    backend: str = text()
    device: int = integer(0)
    slots_total: int = integer(1)
    slots_available: int = integer(0)
    last_activity: str = text(1)
    requests: list[str] = ids()
    layers_loaded: int = integer(0)
    layers_total: int = integer(0)
    vram_mb: int = integer(0)
    gguf: Gguf | None = record(Gguf, nullable=True)


@described
class ShutdownBegun(Accepted):
    """POST /v1/admin/shutdown of a worker."""

    state: str = text(choices=("draining",))


# --- hub ---


@described
class Lfs:
    """Checksum of a large file."""

    sha256: str = text(64, 64)
    size: int = integer(0)
    pointerSize: int = integer(0)  # noqa: N815 (name given by the hub's API)


@described
class Sibling:
    """A file of a repository."""

    rfilename: str = text(1)
    size: int = integer(0)
    lfs: Lfs = record(Lfs, default=None)


@described
class Repository:
    """GET /api/models/<org>/<repo>."""

    id: str = text(1)
    sha: str = text(40, 40)
    siblings: list[Sibling] = records(Sibling)
