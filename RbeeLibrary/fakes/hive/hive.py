"""fake-hive: stands in for `rbee-hive` (contract 5, 16)."""

from __future__ import annotations

import dataclasses
import os
import queue
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ...clock.event import Event
from ...errors import HttpFailure
from ...fleet.children import Spawner
from ...protocol.error_codes import RbeeError
from ...protocol.forms import host_and_port
from ...protocol.program_options import HiveOptions
from ...protocol.schema.fields import read
from ...protocol.schema.messages import DownloadRequest, HiveHeartbeat, HiveReadyCallback, ShutdownRequest, SpawnRequest
from ...run import environment
from ...run.platform import portable
from ..runtime.entry_point import launch
from ..runtime.event_stream import EventStream
from ..runtime.formatting import iso_time, parse_time
from ..runtime.http_app import Reply, Request
from ..runtime.program import exit_now
from ..runtime.service import Service
from .models import Models
from .queen_line import QueenLine
from .worker_row import WorkerRow
from .workers import Workers

_FINEST = 1e-6
"""Seconds; the resolution of dates as floating-point numbers."""


class Hive(Service):
    """A pool manager: provides models, starts workers, checks their health and shuts them down."""

    def __init__(self, options: HiveOptions, listener: socket.socket | None):
        if options.addr:
            options.host, options.port = host_and_port(options.addr)
        self.options: HiveOptions  # set by the base class
        # Created before any thread starts, because it forks the workers. Outside a run, each worker is started in an interpreter of its own.
        spawner = None
        if os.environ.get(environment.FORKED) and not portable():
            from ..runtime.preload import rehearse  # the nursery has imported it

            spawner = Spawner("fake-hive", [rehearse])
        super().__init__("fake-hive", options, listener, "hive")
        self._queen = QueenLine(self, options)
        self.workers = Workers(self, options, spawner, self._removed)
        try:
            self._models = Models(self, options)
        except (OSError, sqlite3.Error) as error:
            self.log(f"the model catalog {options.models_db} cannot be used: {error}")
            exit_now(1)
        self._restarts: dict[str, int] = {}
        self._activity = Event()
        self._followers: set[LogFollower] = set()
        self.on_log = self._follow_log
        health_protected = options.auth_health == "on"
        self.route("GET", "/v1/health", self.health, protected=health_protected, at_once=True)
        self.route("POST", "/v1/workers/spawn", self.spawn_worker)
        self.route("POST", "/v1/workers/ready", self.worker_ready)
        self.route("GET", "/v1/workers/list", self.list_workers)
        self.route("POST", "/v1/models/download", self.download)
        self.route("DELETE", "/v1/models/download", self._models.cancel)
        self.route("GET", "/v1/models/download/progress", self._models.progress)
        self.route("POST", "/v1/heartbeat", self.heartbeat)
        self.route("GET", "/v1/logs", self.logs)
        self.route("POST", "/v1/admin/shutdown", self.shutdown)

    # --- start ---

    def prepare(self) -> None:
        self.set_state("idle")
        if self.control is not None:
            self.control.on("workers-order", lambda order: self.workers.put_in_order(order["worker_ids"]))
            self.control.on("worker-argv", lambda order: self.workers.give_argv(order["worker_id"], order["argv"]))

    def started(self) -> None:
        options = self.options
        if options.health_interval:
            self.every(options.health_interval, self._check_health, "health", at_once=True)
        if options.idle_timeout:
            self.spawn(self._watch_idle, name="idle")

    # --- endpoints (5.2) ---

    def health(self, request: Request) -> dict[str, Any]:
        """GET /v1/health."""
        return {"status": "alive", "version": self.options.report_version, "api_version": "v1"}

    def spawn_worker(self, request: Request) -> dict[str, Any]:
        """POST /v1/workers/spawn, with the checks in the order of 5.5."""
        spawn_request = read(SpawnRequest, request.body)
        model = self._models.provide(spawn_request)
        self.workers.check_binary(spawn_request.binary)
        if self.faults.find("spawn-fails") is not None:
            raise RbeeError("WORKER_CRASHED", "the worker could not be started, because of a fault", {"pid": None, "exit_code": None, "signal": None})
        row = self._start(spawn_request, model)
        self.log(f"worker {row.worker_id} (pid {row.child.pid if row.child else None}) started on port {row.port}")
        if self.options.loading_limit:
            self.clock.call_at(self.clock.now() + self.options.loading_limit, lambda: self._give_up_loading(row), "loading-limit")
        return {"worker_id": row.worker_id, "url": row.url, "state": "loading"}

    def _start(self, spawn_request: SpawnRequest, model: str | None) -> WorkerRow:
        row = self.workers.start(spawn_request, model)
        self._activity.set()  # makes the idle watch look again: the callback of the worker may have come before its process was known
        return row

    def worker_ready(self, request: Request) -> dict[str, Any]:
        """POST /v1/workers/ready: the callback of a worker of this hive."""
        callback = read(HiveReadyCallback, request.body)
        row = self.workers.row(callback.worker_id)
        row.state = callback.state
        row.slots_total = callback.slots_total or row.slots_total
        row.slots_available = callback.slots_available if callback.slots_available is not None else row.slots_of_state
        row.last_activity = iso_time(self.clock.wall())
        row.heard = True
        self._activity.set()
        self.spawn(self._queen.relay_ready, row, name="relay-ready")
        return {"success": True, "message": f"worker {row.worker_id} is {row.state}"}

    def list_workers(self, request: Request) -> dict[str, Any]:
        """GET /v1/workers/list, with current states: all workers are probed first."""
        rows = self.workers.rows()
        self._together(self._probe, [row for row in rows if row.child is not None])
        return {"workers": [row.as_dict() for row in self.workers.rows()]}

    def download(self, request: Request) -> dict[str, Any]:
        """POST /v1/models/download."""
        download_id, path = self._models.download(read(DownloadRequest, request.body).model_ref)
        return {"download_id": download_id, "local_path": path}

    def heartbeat(self, request: Request) -> dict[str, Any]:
        """POST /v1/heartbeat, relayed to the queen."""
        heartbeat = read(HiveHeartbeat, request.body)
        row = self.workers.row(heartbeat.worker_id)
        row.heard = True
        self.spawn(self._queen.relay_heartbeat, row, heartbeat.timestamp, name="relay-heartbeat")
        return {"message": "heartbeat received"}

    def logs(self, request: Request) -> Reply:
        """GET /v1/logs: the hive's own log lines."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if request.query.get("follow") not in ("true", "1"):
            return Reply(200, "".join(f"{line}\n" for line in self.log_lines).encode(), headers)
        follower = LogFollower(request.stream)
        self._followers.add(follower)
        request.stream.on_close(lambda: self._followers.discard(follower))
        return Reply(200, request.stream.carries(follower.lines(list(self.log_lines))), headers)

    def shutdown(self, request: Request) -> Reply:
        """POST /v1/admin/shutdown: 202, then the same as SIGTERM."""
        read(ShutdownRequest, request.body)
        self.workers.close()
        self.request_shutdown("shutdown request")
        return Reply(202, {"success": True, "message": "hive is shutting down"})

    # --- background (5.6) ---

    def _probe(self, row: WorkerRow) -> None:
        limit = self.options.list_probe_timeout
        try:
            answer = self.prober.call("GET", f"{row.url}/v1/status", limit=limit, timer="list-probe")
            if answer.status == 404:
                answer = self.prober.call("GET", f"{row.url}/v1/ready", limit=limit, timer="list-probe")
        except HttpFailure:
            return
        payload = answer.object()
        row.state = payload.get("state", row.state)
        row.slots_total = payload.get("slots_total", row.slots_total)
        row.slots_available = payload.get("slots_available", row.slots_of_state)
        changed = not row.heard or row.last_activity != payload.get("last_activity", row.last_activity)
        row.last_activity = payload.get("last_activity", row.last_activity)
        row.heard = True
        if changed:
            self._activity.set()

    def _check_health(self) -> None:
        self._queen.tell_again()
        self._together(self._check_one, [row for row in self.workers.rows() if row.child is not None and row.heard])

    def _check_one(self, row: WorkerRow) -> None:
        limit = self.options.health_timeout
        try:
            answer = self.client.call("GET", f"{row.url}/v1/health", limit=limit, timer="health-limit")
            if answer.status == 404:
                answer = self.client.call("GET", f"{row.url}/health", limit=limit, timer="health-limit")
            good = answer.ok
        except HttpFailure:
            good = False
        if good:
            row.last_health, row.misses = self.clock.now(), 0
            self.journal.record("health_ok", worker_id=row.worker_id, misses=0)
            return
        if row.child is None or row.child.ended.is_set():
            return
        row.misses += 1
        self.journal.record("health_miss", worker_id=row.worker_id, misses=row.misses)
        self.log(f"health check of {row.worker_id} missed {row.misses}/{self.options.health_misses}")
        if row.misses >= self.options.health_misses:
            self.spawn(self._give_up_unhealthy, row, name="unhealthy")

    def _give_up_unhealthy(self, row: WorkerRow) -> None:
        assert row.child is not None
        row.reason = row.reason or "unhealthy"
        self.workers.unlist(row)
        self.workers.end_by_signal(row, self.options.term_grace, "unhealthy")
        if row.request is not None and self._restarts.get(row.worker_id, 0) < self.options.restart_hung:
            self._restarts[row.worker_id] = self._restarts.get(row.worker_id, 0) + 1
            self.journal.record("restart_tried", worker_id=row.worker_id, pid=row.child.pid)
            self.log(f"worker {row.worker_id} did not answer and is started again")
            try:
                self._start(dataclasses.replace(row.request, worker_id=row.worker_id), row.model_path)
            except RbeeError as error:
                self.log(f"worker {row.worker_id} could not be started again: {error}")

    def _watch_idle(self) -> None:
        while True:
            if not self.clock.wait(self._activity, self._next_idle_check(), "idle"):
                self._end_idle()
            self._activity.clear()

    def _next_idle_check(self) -> float | None:
        """Time of the next idle check: when the first worker reaches its limit, or one tick from now for a worker that is past it but still runs."""
        now = self.clock.now()
        ends = [now + self.options.idle_timeout - self._idle_time(row) for row in self.workers.rows() if self._may_be_idle(row)]
        return min((end if end > now else now + self.options.idle_tick for end in ends), default=None)

    def _may_be_idle(self, row: WorkerRow) -> bool:
        return row.child is not None and row.heard and row.reason is None and row.state != "loading"

    def _end_idle(self) -> None:
        idle = [row for row in self.workers.rows() if self._may_be_idle(row) and self._is_over_time(row)]
        self._together(self._end_if_idle, idle)

    def _end_if_idle(self, row: WorkerRow) -> None:
        self._probe(row)
        if row.state == "idle" and row.slots_available == row.slots_total and self._is_over_time(row):
            row.reason = "idle"
            self.log(f"worker {row.worker_id} is idle for {self.options.idle_timeout}")
            self.spawn(self.workers.end, row, self.clock.now() + self.options.shutdown_total, name="idle-end")

    def _is_over_time(self, row: WorkerRow) -> bool:
        return row.reason is None and self._idle_time(row) >= self.options.idle_timeout

    def _idle_time(self, row: WorkerRow) -> float:
        return self.clock.wall() - (parse_time(row.last_activity) or self.clock.wall()) + _FINEST

    def _give_up_loading(self, row: WorkerRow) -> None:
        if not row.heard and row.child is not None and not row.child.ended.is_set():
            row.reason = "loading-timeout"
            self.workers.force(row, "loading-timeout")

    def _removed(self, row: WorkerRow, reason: str) -> None:
        self._queen.removed(row, reason)
        if reason == "crashed":
            self.spawn(self._probe_for_zombie, row, name="zombie")

    def _probe_for_zombie(self, row: WorkerRow) -> None:
        try:
            self.client.call("GET", f"{row.url}/v1/health", limit=self.options.list_probe_timeout)
        except HttpFailure:
            return
        self.journal.record("zombie_http", worker_id=row.worker_id, pid=row.child.pid if row.child else None)
        self.log(f"worker {row.worker_id} has ended, but something still answers on port {row.port}")

    # --- end (16) ---

    def drain(self) -> None:
        self.workers.close()
        deadline = self.clock.now() + self.options.shutdown_total
        rows = self.workers.await_starts(deadline)
        total, done = len(rows), 0
        lock = threading.Lock()
        self.journal.record("shutdown_started", total=total)
        self.log(f"shutdown started: {total} workers")

        def end(row: WorkerRow) -> None:
            nonlocal done
            row.reason = row.reason or "shutdown"
            self.workers.end(row, deadline)
            with lock:
                done += 1
                self.journal.record("shutdown_progress", n=done, total=total)
                self.log(f"shutdown progress: {done}/{total}")

        self._together(end, rows)
        self.workers.await_given_up(deadline)
        self._queen.finish()
        for follower in list(self._followers):
            follower.end()
        self.journal.record("shutdown_finished", total=total)
        self.log("shutdown finished")

    def abandon(self) -> None:
        self.workers.kill_all("second signal")

    def _together(self, job: Callable[[WorkerRow], None], rows: list[WorkerRow]) -> None:
        for running in [self.spawn(job, row, name=job.__name__.strip("_")) for row in rows]:
            running.join()

    def _follow_log(self, line: str) -> None:
        for follower in list(self._followers):
            follower.add(line)


class LogFollower:
    """A client that follows the log."""

    def __init__(self, stream: EventStream):
        self._stream = stream
        self._new_lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def add(self, line: str) -> None:
        """Queues a new line for the client."""
        self._new_lines.put(line)
        self._stream.wake.set()

    def end(self) -> None:
        """Ends the stream of the client."""
        self._new_lines.put(None)
        self._stream.wake.set()

    def lines(self, first: list[str]) -> Iterator[bytes]:
        """Bytes for the client: the lines so far, then each new line."""
        yield "".join(f"{line}\n" for line in first).encode() or b"\n"
        while not self._stream.client_gone:
            for _ in self._stream.pause(None):
                continue  # plain text has no comments, so keep-alives are not sent
            self._stream.wake.clear()
            while not self._new_lines.empty():
                line = self._new_lines.get()
                if line is None:
                    return
                yield f"{line}\n".encode()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-hive`."""
    launch(Hive, HiveOptions, "fake-hive", argv, listener, words=("daemon",))


if __name__ == "__main__":
    main()
