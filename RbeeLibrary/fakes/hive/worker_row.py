"""The hive's row of one worker, and checks of worker ports (contract 5.2, 5.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...clock.event import Event
from ...fleet.children import Child
from ...protocol.schema.messages import SpawnRequest
from ...run.tcp_ports import http_url


@dataclass(eq=False)
class WorkerRow:
    """The hive's row of one worker; it exists from before the start of the process until its end."""

    worker_id: str
    host: str
    port: int
    model_ref: str
    backend: str
    device: int
    slots_total: int
    state: str = "loading"
    slots_available: int = 0
    last_activity: str = ""
    last_health: float | None = None
    misses: int = 0
    heard: bool = False
    child: Child | None = None
    reason: str | None = None
    request: SpawnRequest | None = None
    model_path: str | None = None
    being_reported: Event | None = None
    """Set when the report to the queen that it is ready has been answered; None before the first one."""
    is_removed: bool = False
    """Whether its end is reported, or soon will be."""
    started: Event = field(default_factory=Event)
    """Set when its process exists or is known not to start."""

    @property
    def url(self) -> str:
        """URL on which the worker serves."""
        return http_url(self.host, self.port)

    @property
    def slots_of_state(self) -> int:
        """Free slots of a worker that tells only its state."""
        return self.slots_total if self.state == "idle" else 0

    def as_dict(self) -> dict[str, Any]:
        """A row of the list (5.2)."""
        return {
            "worker_id": self.worker_id,
            "url": self.url,
            "state": self.state,
            "id": self.worker_id,
            "pid": self.child.pid if self.child else None,
            "model_ref": self.model_ref,
            "backend": self.backend,
            "device": self.device,
            "slots_total": self.slots_total,
            "slots_available": self.slots_available,
            "last_activity": self.last_activity,
        }
