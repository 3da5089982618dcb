"""A task of the queen (contract 3.1, 4.2)."""

from __future__ import annotations

from typing import Any

from ...clock.event import Event
from ...protocol.schema.messages import TaskRequest
from ..rbee_client import FoundWorker
from ..runtime.event_stream import Broadcast


class Task:
    """One `/v2/tasks` request: its progress, its worker, and whether it has been cancelled."""

    def __init__(self, request_id: str):
        self.id = request_id
        self.progress = Broadcast()
        self.cancelled = Event()
        self.worker: FoundWorker | None = None


def inference_body(task_request: TaskRequest, request_id: str) -> dict[str, Any]:
    """Body of the inference request to the worker (6.5)."""
    body: dict[str, Any] = {"request_id": request_id, "job_id": request_id, "prompt": task_request.prompt, "stream": True}
    for name in ("max_tokens", "temperature", "seed"):
        if getattr(task_request, name) is not None:
            body[name] = getattr(task_request, name)
    return body
