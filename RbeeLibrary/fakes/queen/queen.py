"""fake-queen: stands in for `queen-rbee` (contract 4, 16)."""

from __future__ import annotations

import socket
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from ...clock.event import Event
from ...errors import HttpFailure, NoAnswer
from ...net.http_client import Stream
from ...protocol import sse
from ...protocol.error_codes import RbeeError
from ...protocol.forms import split_durations
from ...protocol.model.model_reference import check_model_reference
from ...protocol.program_options import QueenOptions
from ...protocol.schema.fields import read
from ...protocol.schema.messages import QueenReadyCallback, TaskRequest, WorkerHeartbeat, WorkerId, WorkerRegistration, WorkerRemoved, WorkerState
from ..rbee_client import CANCELLED, FoundWorker, Limits, RbeeClient, Wanted, checked_object
from ..runtime.entry_point import launch
from ..runtime.event_stream import Abort, EventStream
from ..runtime.http_app import Reply, Request
from ..runtime.program import exit_now
from ..runtime.service import Service
from .hives import Hives, HiveUrls
from .node_registry import NodeRegistry
from .node_setup import NodeSetup
from .ssh_call import Ssh
from .tasks import Task, answer_of_a_worker, inference_body
from .worker_registry import QueenRow, Swept, WorkerRegistry

_CANCEL_LIMIT = 5.0


class Queen(Service):
    """The orchestrator: finds a worker for a task and relays its stream."""

    def __init__(self, options: QueenOptions, listener: socket.socket | None):
        self.options: QueenOptions  # set by the base class
        urls = HiveUrls(options)
        super().__init__("fake-queen", options, listener, "queen")
        try:
            nodes = NodeRegistry(options.database)
        except (OSError, sqlite3.Error) as error:
            self.log(f"the node registry {options.database} cannot be used: {error}")
            exit_now(1)
        self._registry = WorkerRegistry(self.clock.now, self.clock.wall, options.heartbeat_timeout, options.stale_busy_timeout)
        ssh = Ssh(self, options)
        self._hives = Hives(self, options, urls, nodes, ssh)
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._task_begins = Event()
        self._ending = False
        self.route("GET", "/health", self.health, at_once=True)
        self.route("GET", "/v2/workers/list", self.list_workers, at_once=True)
        self.route("GET", "/v2/workers/health", self.workers_health)
        self.route("POST", "/v2/workers/ready", self.worker_ready)
        self.route("POST", "/v2/workers/register", self.register_worker)
        self.route("POST", "/v1/workers/register", self.create_worker)
        self.route("PATCH", "/v1/workers/{worker_id}", self.patch_worker)
        self.route("POST", "/v1/workers/{worker_id}/heartbeat", self.heartbeat)
        self.route("POST", "/v2/workers/removed", self.worker_removed)
        self.route("POST", "/v2/workers/shutdown", self.shutdown_worker)
        self.route("POST", "/v2/tasks", self.task)
        self.route("GET", "/v2/tasks/{request_id}/progress", self.task_progress)
        self.route("DELETE", "/v2/tasks/{request_id}", self.cancel_task)
        self.route("GET", "/v2/logs", self.logs)
        NodeSetup(self, options, nodes, ssh).add_routes()

    def prepare(self) -> None:
        self.set_state("idle")
        if self.control is not None:
            self.control.on("hive-url", lambda order: self._hives.add(order["node"], order["url"]))
            self.control.on("node-url", lambda order: self._hives.place(order["node"], order["url"]))

    def started(self) -> None:
        self.every(self.options.sweep_interval, self._sweep, "sweep")

    # --- workers (4.2, 4.3) ---

    def health(self, request: Request) -> dict[str, Any]:
        """GET /health."""
        return {"status": "ok", "version": self.options.report_version}

    def list_workers(self, request: Request) -> dict[str, Any]:
        """GET /v2/workers/list."""
        return {"workers": [row.as_dict() for row in self._registry.rows()]}

    def workers_health(self, request: Request) -> dict[str, Any]:
        """GET /v2/workers/health: asks all workers in parallel."""
        node = request.query.get("node")
        rows = [row for row in self._registry.rows() if node is None or row.node == node]
        if node is not None and not rows and not self._hives.knows(node):
            raise self._hives.unknown(node)
        found: dict[str, dict[str, Any]] = {}

        def probe(row: QueenRow) -> None:
            try:
                payload = self.prober.call("GET", f"{row.url}/v1/ready", limit=self.options.health_timeout, headers=self._key_for(request)).object()
                found[row.worker_id] = {"worker_id": row.worker_id, "state": payload.get("state", "unreachable"), "ready": payload.get("ready") is True}
            except HttpFailure:
                found[row.worker_id] = {"worker_id": row.worker_id, "state": "unreachable", "ready": False}

        for job in [self.spawn(probe, row, name="health") for row in rows]:
            job.join()
        return {"status": "ok", "workers": [found[row.worker_id] for row in rows]}

    def worker_ready(self, request: Request) -> dict[str, Any]:
        """POST /v2/workers/ready."""
        callback = read(QueenReadyCallback, request.body)
        self._registry.put(
            QueenRow(
                callback.worker_id,
                callback.node or self._hives.only_node(),
                callback.state,
                callback.model_ref,
                callback.url,
                callback.backend,
                callback.device,
                callback.slots_total,
                callback.slots_available or 0,
            )
        )
        return {"success": True, "message": f"worker {callback.worker_id} is registered"}

    def register_worker(self, request: Request) -> dict[str, Any]:
        """POST /v2/workers/register."""
        row = self._row_of(read(WorkerRegistration, request.body))
        self._registry.put(row)
        return {"success": True, "message": f"worker {row.worker_id} is registered", "worker_id": row.worker_id}

    def create_worker(self, request: Request) -> Reply:
        """POST /v1/workers/register: refuses a worker that is registered already."""
        row = self._row_of(read(WorkerRegistration, request.body))
        self._registry.create(row)
        return Reply(201, {"success": True, "message": f"worker {row.worker_id} is registered", "worker_id": row.worker_id})

    def patch_worker(self, request: Request, worker_id: str) -> dict[str, Any]:
        """PATCH /v1/workers/<id>."""
        row = self._registry.set_state(worker_id, read(WorkerState, request.body).state)
        return {"success": True, "worker_id": worker_id, "state": row.state}

    def heartbeat(self, request: Request, worker_id: str) -> dict[str, Any]:
        """POST /v1/workers/<id>/heartbeat."""
        self._registry.heartbeat(worker_id, read(WorkerHeartbeat, request.body).state)
        return {"success": True}

    def worker_removed(self, request: Request) -> dict[str, Any]:
        """POST /v2/workers/removed."""
        removal = read(WorkerRemoved, request.body)
        self._registry.drop(removal.worker_id, has_left=removal.reason == "shutdown")
        self.log(f"worker {removal.worker_id} was removed: {removal.reason}")
        return {"success": True}

    def shutdown_worker(self, request: Request) -> dict[str, Any]:
        """POST /v2/workers/shutdown."""
        worker_id = read(WorkerId, request.body).worker_id
        try:
            row = self._registry.row(worker_id)
            answer = self.client.call("POST", f"{row.url}/v1/admin/shutdown", limit=self.options.worker_shutdown_timeout, headers=self._key_for(request))
            if not answer.ok:
                raise RbeeError("WORKER_UNREACHABLE", f"worker {worker_id} answered {answer.status}")
        except HttpFailure as error:
            raise self._with_success_field(RbeeError("WORKER_UNREACHABLE", f"worker {worker_id} did not answer: {error}")) from error
        except RbeeError as error:
            raise self._with_success_field(error) from error
        row.state = "draining"
        return {"success": True, "message": f"worker {worker_id} is shutting down"}

    def _with_success_field(self, error: RbeeError) -> RbeeError:
        error.top = {"success": False, "message": error.message}
        return error

    def _row_of(self, registration: WorkerRegistration) -> QueenRow:
        return QueenRow(
            registration.worker_id,
            registration.node_name or self._hives.only_node(),
            "idle",
            registration.model_ref,
            registration.url,
            registration.backend,
            registration.device,
            registration.slots_total,
            registration.slots_total,
        )

    def _sweep(self) -> None:
        for worker_id in self._registry.stale():
            if (slow := self.faults.find("slow-sweep")) is not None:
                self.clock.pause(slow.delay if slow.delay is not None else 1.0, "slow-sweep")
            swept = self._registry.sweep(worker_id)
            if swept is Swept.MARKED:
                self.journal.record("worker_stale", worker_id=worker_id)
                self.log(f"worker {worker_id} is busy and sent no heartbeat for {self.options.heartbeat_timeout}: no new request goes to it")
            elif swept is not None:
                self._note_removal(worker_id, swept.value)

    def _note_removal(self, worker_id: str, reason: str) -> None:
        self.journal.record("worker_removed", worker_id=worker_id, reason=reason)
        self.log(f"worker {worker_id} was removed: {reason}")

    # --- tasks (3.1, 4.2) ---

    def task(self, request: Request) -> Reply:
        """POST /v2/tasks: finds or starts a worker and relays its answer."""
        task_request = read(TaskRequest, request.body)
        check_model_reference(task_request.model)
        if self._ending:
            raise RbeeError("SHUTTING_DOWN", "the queen is shutting down")
        request_id = task_request.request_id or f"req-{uuid.uuid4().hex[:12]}"
        request.recorder.request_id = request_id
        task = self._begin_task(request_id)
        request.stream.on_gone(task.cancelled.set)
        hive_url = ""
        try:
            hive_url = self._hives.reach(task_request.node)
            if task_request.direct:
                self._end_progress(task)
                self._forget_task(task)
                return Reply(200, {"node": task_request.node, "hive_url": hive_url})
            client = self._client_for(request, task)
            self._hives.note_answer(hive_url)
            wanted = Wanted(task_request.model, task_request.backend, task_request.device)
            task.worker = client.find_worker(hive_url, wanted, self._registry.takes_requests)
            body = inference_body(task_request, request_id)
            stream = answer_of_a_worker(client, task, hive_url, wanted, body, self._registry, self.log)
        except RbeeError as error:
            if error.code == CANCELLED and self._ending:
                error = RbeeError("SHUTTING_DOWN", "the queen is shutting down, and no worker had begun to answer")
            if hive_url:
                error.headers["X-Hive-Url"] = hive_url
            if error.code == "CONNECTION_TIMEOUT" and task.worker is None:
                self._hives.forget_answer(hive_url)
                self._hives.note_unreached(task_request.node, error.message)
            self._end_progress(task)
            self._forget_task(task)
            raise error from None
        self._end_progress(task)
        task.is_answered = True
        assert task.worker is not None
        return self._relay(request, task, task.worker, stream)

    def _relay(self, request: Request, task: Task, worker: FoundWorker, stream: Stream) -> Reply:
        headers = {"X-Worker-Id": worker.worker_id, "X-Worker-Url": worker.url, "X-Request-Id": task.id}
        if stream.status != 200:
            answer = stream.read_all()
            stream.close()
            self._forget_task(task)
            checked_object(answer, "POST /v1/inference")
            raise RbeeError("HIVE_ERROR", f"worker {worker.worker_id} answered {answer.status} to an inference")
        self._registry.relay_begins(worker.worker_id)

        def close() -> None:
            stream.cut()
            stream.close()
            if self._registry.relay_ends(worker.worker_id):
                self._note_removal(worker.worker_id, "no heartbeat, and its request has ended")
            self._forget_task(task)

        request.stream.on_close(close)
        request.stream.on_gone(stream.cut)
        headers["Content-Type"] = stream.headers.get("content-type", sse.CONTENT_TYPE)
        return Reply(200, request.stream.carries(self._bytes(stream, request.stream)), headers)

    def _bytes(self, stream: Stream, client: EventStream) -> Iterator[bytes]:
        try:
            with self.clock.limit(self.options.inference_timeout, stream.cut, "inference"):
                yield from stream.chunks()
        except NoAnswer as error:
            if not client.client_gone:
                self.log(f"a worker's stream broke: {error}")
            raise Abort from error

    def task_progress(self, request: Request, request_id: str) -> Reply:
        """GET /v2/tasks/<request_id>/progress: waits for the task if its id is not known yet."""
        deadline = self.clock.now() + self.options.task_wait
        while True:
            with self._lock:
                begins = self._task_begins
                task = self._tasks.get(request_id)
            if task is not None or not self.clock.wait(begins, deadline, "task-wait"):
                break
        if task is None:
            raise RbeeError("TASK_NOT_FOUND", f"there is no task {request_id[:80]}")
        return Reply(200, request.stream.carries(task.progress.read(request.stream)))

    def cancel_task(self, request: Request, request_id: str) -> Reply:
        """DELETE /v2/tasks/<request_id>: 204, also for repeated requests and unknown ids."""
        with self._lock:
            task = self._tasks.get(request_id)
        if task is not None and (task.cancelled.is_set() or self.faults.find("swallow-cancel") is None):
            task.cancelled.set()
            if task.worker is not None:
                try:
                    self.client.call("DELETE", f"{task.worker.url}/v1/inference/{request_id}", limit=_CANCEL_LIMIT, headers=self._key_for(request))
                except HttpFailure as error:
                    self.log(f"worker {task.worker.worker_id} did not take the cancellation: {error}")
        return Reply(204)

    def _begin_task(self, request_id: str) -> Task:
        with self._lock:
            known = self._tasks.get(request_id)
            if known is not None and not known.cancelled.is_set():
                raise RbeeError("INVALID_REQUEST", f"request {request_id} is already running")
            task = self._tasks[request_id] = Task(request_id)
            begins, self._task_begins = self._task_begins, Event()
        begins.set()
        return task

    def _end_progress(self, task: Task) -> None:
        task.progress.end()

    def _forget_task(self, task: Task) -> None:
        task.cancelled.set()

        def forget() -> None:
            with self._lock:
                if self._tasks.get(task.id) is task:
                    del self._tasks[task.id]

        self.clock.call_at(self.clock.now() + self.options.progress_keep, forget, "progress-keep")

    def _client_for(self, request: Request, task: Task) -> RbeeClient:
        options = self.options
        limits = Limits(
            options.connect_timeout,
            split_durations(options.connect_delays),
            options.hive_timeout,
            options.spawn_timeout,
            options.ready_poll,
            options.ready_request_timeout,
            options.ready_timeout,
            options.inference_timeout,
        )
        version = request.headers.get("X-Rbee-Version") or options.report_version
        return RbeeClient(
            self.client,
            lambda job, *args: self.spawn(job, *args, name="loading"),
            self.clock,
            limits,
            self._key_for(request),
            version,
            task.progress.publish,
            task.cancelled,
        )

    def _key_for(self, request: Request) -> dict[str, str]:
        if self.options.hive_api_key:
            return {"Authorization": f"Bearer {self.options.hive_api_key}"}
        passed = request.headers.get("Authorization")
        return {"Authorization": passed} if passed else {}

    # --- nodes and logs ---

    def logs(self, request: Request) -> Reply:
        """GET /v2/logs: the log of a node's hive."""
        node = request.query.get("node", "")
        follow = request.query.get("follow") in ("true", "1")
        url = f"{self._hives.url_of(node)}/v1/logs{'?follow=true' if follow else ''}"
        try:
            stream = self.client.open("GET", url, limit=self.options.hive_timeout, headers=self._key_for(request))
        except HttpFailure as error:
            raise RbeeError("HIVE_ERROR", f"the hive of {node} did not answer: {error}") from error
        self._hives.note_answer(self._hives.url_of(node))
        if stream.status != 200:
            answer = stream.read_all()
            stream.close()
            checked_object(answer, "GET /v1/logs")
        request.stream.on_close(stream.close)
        request.stream.on_gone(stream.cut)
        return Reply(200, request.stream.carries(_until_broken(stream)), {"Content-Type": "text/plain; charset=utf-8"})

    # --- end (16) ---

    def drain(self) -> None:
        self._ending = True
        with self._lock:
            waiting = [task for task in self._tasks.values() if not task.is_answered]
        for task in waiting:  # their clients get a status, instead of a connection that drops
            task.cancelled.set()
        self._hives.end_all()


def _until_broken(stream: Stream) -> Iterator[bytes]:
    try:
        yield from stream.chunks()
    except NoAnswer as error:
        raise Abort from error


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-queen`."""
    launch(Queen, QueenOptions, "fake-queen", argv, listener, words=("daemon",))


if __name__ == "__main__":
    main()
