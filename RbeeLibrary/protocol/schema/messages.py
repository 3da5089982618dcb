"""Request bodies as dataclasses (contract 4 to 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import ID_PATTERN, anything, flag, integer, number, text, texts

HOST_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}"
"""User names. A leading `-` is refused, because ssh would read it as an option."""
SSH_HOST_PATTERN = r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,254}"
"""Host names, IPv4 and IPv6 addresses, also with a zone as in `fe80::1%eth0`."""
WORKER_STATES = ("loading", "idle", "busy", "draining", "stale-but-busy")


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
    """POST /v2/workers/ready and /v1/workers/ready (6.4); fields in wire order."""

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
    """POST /v1/workers/ready at a hive: only the id is required, the hive knows the rest (5.2)."""

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
    """POST /v2/workers/ready as relayed by a hive: the callback with the node (4.2)."""

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
    """POST /v1/workers/spawn (5.2); all fields are optional."""

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
    ssh_host: str = text(pattern=SSH_HOST_PATTERN)
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
