"""A task of the queen (contract 3.1, 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...clock.event import Event
from ...net.http_client import Stream
from ...protocol.error_codes import RbeeError, envelope_error
from ...protocol.schema.messages import TaskRequest
from ..rbee_client import CANCELLED, FoundWorker, RbeeClient, Wanted, refusal
from ..runtime.event_stream import Broadcast
from .worker_registry import WorkerRegistry

_UNAVAILABLE = 503


class Task:
    """One `/v2/tasks` request: its progress, its worker, whether it has been cancelled, and whether its worker answers."""

    def __init__(self, request_id: str):
        self.id = request_id
        self.progress = Broadcast()
        self.cancelled = Event()
        self.worker: FoundWorker | None = None
        self.is_answered = False


def inference_body(task_request: TaskRequest, request_id: str) -> dict[str, Any]:
    """Body of the inference request to the worker (6.5)."""
    body: dict[str, Any] = {"request_id": request_id, "job_id": request_id, "prompt": task_request.prompt, "stream": True}
    for name in ("max_tokens", "temperature", "seed"):
        if getattr(task_request, name) is not None:
            body[name] = getattr(task_request, name)
    return body


def answer_of_a_worker(
    client: RbeeClient,
    task: Task,
    hive_url: str,
    wanted: Wanted,
    body: dict[str, Any],
    registry: WorkerRegistry,
    log: Callable[[str], object],
) -> Stream:
    """The answer of the worker of a task. One that drains, or has ended gracefully before it answered, has not begun: another one is asked then (3.3).

    Args:
        client: asks hive and workers.
        task: whose worker was found; it gets the one that answers.
        hive_url: URL of the hive.
        wanted: model, backend and device.
        body: of the request.
        registry: knows which workers take requests, and which have left.
        log: takes a line.

    Raises:
        RbeeError: the task was cancelled, or no worker took the request.
    """
    tried: set[str] = set()
    while True:
        if task.cancelled.is_set():
            raise RbeeError(CANCELLED, "the request was cancelled")
        assert task.worker is not None
        worker = task.worker
        try:
            stream = client.infer(worker, body)
            if stream.status != _UNAVAILABLE:
                return stream
            answer = stream.read_all()
            stream.close()
            error = refusal(answer, "POST /v1/inference")
            may_ask_another = (envelope_error(answer.object()) or {}).get("code") == "WORKER_NOT_READY"
        except RbeeError as failure:
            error, may_ask_another = failure, registry.has_left(worker.worker_id)
        tried.add(worker.worker_id)
        other = client.find_running_worker(hive_url, wanted, lambda one: one not in tried and registry.takes_requests(one)) if may_ask_another else None
        if other is None:
            raise error
        log(f"worker {worker.worker_id} takes no requests any more: {other.worker_id} is asked")
        task.worker = other
