"""The workers of a hive: rows, processes and their ends (contract 5.3 to 5.6, 16)."""

from __future__ import annotations

import json
import os
import shlex
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...errors import HttpFailure, SpawnFailed
from ...fleet.children import Child, Reaper, Spawner, start_executed
from ...fleet.launch import ProgramSpec, of_descriptors
from ...protocol.error_codes import RbeeError
from ...protocol.forms import port_range
from ...protocol.model.model_reference import NO_MODEL
from ...protocol.options import MASK, to_argv
from ...protocol.profiles import PROFILES
from ...protocol.program_options import HiveOptions
from ...protocol.schema.messages import SpawnRequest
from ...run import environment
from ...run.tcp_ports import PortTaken, can_bind, reachable
from ..runtime.formatting import iso_time
from ..runtime.service import Service
from .worker_row import WorkerRow

_WORKER = "RbeeLibrary.fakes.worker"
_WORKER_ARGS = "RBEE_WORKER_ARGS"
"""Variable with options for every fake worker. The hive removes it from its environment and puts its words into the argv of each worker."""
_PORT_TRIES = 3
_LOOPBACK = "127.0.0.1"
_REAP_LIMIT = 5.0
_KILL_LIMIT = 2.0
_FINEST = 1e-6
"""Seconds; the resolution of dates as floating-point numbers."""


class Workers:
    """Starts, lists and ends the workers of a hive.

    Args:
        hive: the hive.
        options: of the hive.
        spawner: forks workers; None = each one starts in an interpreter of its own.
        on_removed: called with the row and the reason when a worker has ended.
    """

    def __init__(self, hive: Service, options: HiveOptions, spawner: Spawner | None, on_removed: Callable[[WorkerRow, str], None]):
        self._hive = hive
        self._options = options
        self._on_removed = on_removed
        self._lock = threading.Lock()
        self._rows: dict[str, WorkerRow] = {}
        self._given_up: list[WorkerRow] = []
        self._words = shlex.split(os.environ.pop(_WORKER_ARGS, ""))
        self._words_of: dict[str, list[str]] = {}
        self._starts = 0
        self._closed = False
        self._reaper = Reaper(hive.clock.activity)
        self._spawner = spawner

    # --- rows ---

    def rows(self) -> list[WorkerRow]:
        """All rows, in spawn order."""
        with self._lock:
            return list(self._rows.values())

    def row(self, worker_id: str) -> WorkerRow:
        """The row of a worker; raises WORKER_NOT_FOUND."""
        with self._lock:
            row = self._rows.get(worker_id)
        if row is None:
            raise RbeeError("WORKER_NOT_FOUND", f"this hive has no worker {worker_id[:80]}")
        return row

    def give_argv(self, worker_id: str, argv: list[str]) -> None:
        """Sets additional words of the command line for the next worker with this id; called only by an order of the library."""
        self._words_of[worker_id] = argv

    def put_in_order(self, worker_ids: list[str]) -> None:
        """Moves these workers to the front of the list, in this order."""
        with self._lock:
            first = {name: self._rows[name] for name in worker_ids if name in self._rows}
            self._rows = {**first, **self._rows}

    def close(self) -> None:
        """Refuses new workers from now on."""
        with self._lock:
            self._closed = True

    # --- starting (5.5) ---

    def start(self, spawn_request: SpawnRequest, model_path: str | None) -> WorkerRow:
        """Starts a worker with a model file and returns when it has bound its port."""
        tried: set[int] = set()
        while True:
            row = self._reserve(spawn_request, tried)
            row.model_path = model_path
            tried.add(row.port)
            try:
                return self._start_process(row, spawn_request)
            except PortTaken as error:
                self._drop(row)
                if len(tried) == _PORT_TRIES:
                    raise RbeeError("NO_FREE_PORT", f"{len(tried)} ports were taken meanwhile; {error}") from None
            except RbeeError:
                self._drop(row)
                raise
            except OSError as error:
                self._drop(row)
                if row.child is not None:
                    self.force(row, "not started")
                    row.child.give_up()
                raise _not_started(row, f"{error}{of_descriptors(error)}") from error
            finally:
                row.started.set()

    def _reserve(self, spawn_request: SpawnRequest, tried: set[int]) -> WorkerRow:
        with self._lock:
            if self._closed:
                raise RbeeError("SHUTTING_DOWN", "the hive is shutting down")
            port = self._pick_port(spawn_request.port, tried)
            self._starts += 1
            worker_id = spawn_request.worker_id or f"mock-worker-{port or self._starts}"
            if worker_id in self._rows:
                raise RbeeError("WORKER_ALREADY_REGISTERED", f"worker id {worker_id} is in use")
            host = os.environ.get(environment.WORKER_HOST) or reachable(self._options.host)
            slots = spawn_request.slots or self._options.slots or 1
            row = WorkerRow(
                worker_id,
                host,
                port,
                spawn_request.model_ref or NO_MODEL,
                spawn_request.backend,
                spawn_request.device,
                slots,
                last_activity=iso_time(self._hive.clock.wall()),
                request=spawn_request,
            )
            self._rows[worker_id] = row
            return row

    def _pick_port(self, wanted: int | None, tried: set[int]) -> int:
        if self._options.worker_ports == "0" and wanted is None:
            return 0
        low, high = port_range(self._options.worker_ports)
        used = {row.port for row in self._rows.values()} | tried
        order = list(range(low, high + 1))
        if wanted is not None:
            order = [wanted, *(port for port in order if port > wanted), *(port for port in order if port < wanted)]
        for port in order:
            if port not in used and can_bind(self._options.host, port):
                return port
        raise RbeeError("NO_FREE_PORT", f"no port of {self._options.worker_ports} is free")

    def _start_process(self, row: WorkerRow, spawn_request: SpawnRequest) -> WorkerRow:
        program = self._program(row, spawn_request)
        try:
            child = self._spawner.start(program) if self._spawner and program.module else start_executed(program)
        except SpawnFailed as error:
            raise _not_started(row, str(error)) from None
        with self._lock:
            row.child = child
            row.port = child.port or row.port
        row.started.set()
        self._hive.journal.record("process_started", worker_id=row.worker_id, child=child.pid, argv=program.words(row.port))
        if self._hive.control is not None:
            self._hive.control.report("child-started", pid=child.pid, ppid=os.getpid(), name=row.worker_id, role="worker", port=row.port)
        self._reaper.watch(child, lambda ended: self._ended(row, ended))
        child.let_run()
        if self._options.worker_args == "fake":
            self._await_ready(row, child)
        else:
            child.forgo_ready(self._hive.clock.activity)
            with self._hive.clock.activity.job("spawn-settle"):  # a real program does not follow the run's clock
                ended = self._await_real_end(child, self._options.spawn_settle)
            if ended:
                if row.port and not can_bind(self._options.host, row.port):
                    raise PortTaken(row.port)
                raise self._crashed(row, child)
        return row

    def _program(self, row: WorkerRow, spawn_request: SpawnRequest) -> ProgramSpec:
        options = self._options
        outputs = os.environ.get(environment.OUTPUTS)
        out, err = (os.path.join(outputs, f"{row.worker_id}.{kind}") if outputs else None for kind in ("stdout", "stderr"))
        callback = f"{self._hive.url}/v1/workers/ready"
        own = self._words_of.pop(row.worker_id, [])
        if options.worker_args != "fake":
            argv = self._argv_of_real(row, row.model_path or spawn_request.model_path, callback, own)
        else:
            argv = [
                "--port",
                "{port}",
                *to_argv(
                    {
                        "worker_id": row.worker_id,
                        "advertise_host": row.host if row.host != _LOOPBACK else None,
                        "queen_url": options.queen_url,
                        "callback_url": callback,
                        "model_ref": row.model_ref,
                        "backend": row.backend,
                        "device": row.device,
                        "model": row.model_path,
                        "slots": spawn_request.slots or options.slots,
                        "api_key": MASK if options.api_key else None,
                        "die_with_parent": "on" if options.workers_die_with_hive == "on" else None,
                    }
                ),
            ]
            argv = [*self._words, *argv, *own]
        env = {**({environment.API_KEY: options.api_key} if options.api_key else {}), **self._hive.reach.environment()}
        binary = self._binary(spawn_request.binary)
        if binary is None:
            return ProgramSpec(row.worker_id, module=_WORKER, argv=argv, title="mock-worker", host=options.host, port=row.port, stdout=out, stderr=err, env=env)
        spec = ProgramSpec(row.worker_id, command=[binary, *argv], port=None, stdout=out, stderr=err, env=env)
        return replace(spec, command=spec.words(row.port))

    def _argv_of_real(self, row: WorkerRow, model: str, callback: str, own: list[str]) -> list[str]:
        """The command line of a real worker: each flag once, and none without a value. Of the words for this worker it takes only `--model`."""
        profile = PROFILES["mock-worker" if self._options.worker_args == "mock-worker" else "llm-worker-rbee"]
        chosen = own[own.index("--model") + 1] if "--model" in own[:-1] else model
        given = {"worker_id": row.worker_id, "port": "{port}", "callback_url": callback, "queen_url": self._options.queen_url}
        return profile.argv(given, {"model": chosen or None} if "model" in profile.flags else {})

    def _binary(self, wanted: str | None) -> str | None:
        """Path of the worker's program, None = the fake worker of this package."""
        default = self._options.worker_binary
        if wanted and "/" in wanted:
            raise RbeeError("INVALID_REQUEST", f"binary {wanted[:80]!r} has a slash, expected a plain file name")
        path = default
        if wanted:
            beside = os.path.join(os.path.dirname(default) if default else "", wanted) if default else None
            if beside and os.path.exists(beside):
                path = beside
            elif wanted not in ("mock-worker", "llm-worker-rbee"):
                path = beside or wanted
        if path is not None and not os.access(path, os.X_OK):
            raise RbeeError(
                "WORKER_BINARY_NOT_FOUND", f"worker binary {path} is not there or may not be run; install it with: rbee-keeper setup install", {"path": path}
            )
        return path

    def check_binary(self, wanted: str | None) -> None:
        """Raises WORKER_BINARY_NOT_FOUND or INVALID_REQUEST for a binary that cannot be used."""
        self._binary(wanted)

    def _await_ready(self, row: WorkerRow, child: Child) -> None:
        limit = self._options.spawn_timeout
        with self._hive.clock.limit(limit, lambda: self.force(row, "no port"), "spawn") as timer:
            ready_line = child.read_ready(self._hive.clock.activity)
        if ready_line is not None:
            row.port = _port_in(ready_line) or row.port
            return
        self._await_real_end(child, _REAP_LIMIT)
        if timer.fired:
            raise RbeeError("WORKER_CRASHED", f"worker {row.worker_id} did not open its port within {limit}", _details(child))
        raise self._crashed(row, child)

    def _crashed(self, row: WorkerRow, child: Child) -> RbeeError:
        status = child.status
        outcome = f"exit code {status.exit_code}" if status.signal is None else f"signal {status.signal}"
        return RbeeError("WORKER_CRASHED", f"worker {row.worker_id} (pid {child.pid}) ended while starting: {outcome}", _details(child))

    # --- after the end ---

    def _ended(self, row: WorkerRow, child: Child) -> None:
        details = _details(child)
        exit_fields = child.status.as_fields()
        reason = row.reason or ("exited" if child.code == 0 else "crashed")
        self._hive.journal.record("process_exited", worker_id=row.worker_id, child=child.pid, **exit_fields)
        if reason == "crashed":
            self._hive.journal.record("worker_crashed", worker_id=row.worker_id, **details)
        self._hive.journal.record("worker_removed", reason=reason, worker_id=row.worker_id, **details)
        self._drop(row)  # after its records, and before the end is reported: a client that learns of it may start the worker again
        if self._hive.control is not None:
            self._hive.control.report("child-exited", pid=child.pid, code=child.code)
        if reason == "crashed":
            self._hive.log(f"worker {row.worker_id} (pid {child.pid}) crashed: exit code {exit_fields['exit_code']}, signal {exit_fields['signal']}")
        self._hive.log(f"worker {row.worker_id} (pid {child.pid}) removed: {reason}")
        self._on_removed(row, reason)

    def _drop(self, row: WorkerRow) -> None:
        with self._lock:
            if self._rows.get(row.worker_id) is row:
                del self._rows[row.worker_id]

    def unlist(self, row: WorkerRow) -> None:
        """Removes a worker from the list before its process has ended (given up as unhealthy)."""
        self._drop(row)
        self._given_up.append(row)

    # --- ending (16) ---

    def await_starts(self, deadline: float) -> list[WorkerRow]:
        """Waits until each start under way has a process or has failed, at most until `deadline` of the run's clock; returns the workers with a process."""
        for row in self.rows():
            self._hive.clock.wait(row.started, deadline, "starts")
        return [row for row in self.rows() if row.child is not None]

    def end(self, row: WorkerRow, deadline: float) -> None:
        """Shuts a worker down: request, wait, SIGTERM, SIGKILL.

        Args:
            row: of the worker.
            deadline: time of the run's clock after which only SIGKILL is sent.
        """
        assert row.child is not None
        options = self._options
        acknowledged = self._request_shutdown(row, self._at_most(options.shutdown_ack, deadline))
        if self._hive.faults.find("hasty-end") is not None:
            return
        ended = acknowledged and self._await_end(row.child, self._at_most(options.shutdown_drain, deadline), "shutdown-drain")
        if not ended:
            self.end_by_signal(row, 0 if acknowledged else self._at_most(options.term_grace, deadline), row.reason or "shutdown")
        if row.child.code == 0:
            self._hive.journal.record("graceful_exit", worker_id=row.worker_id, pid=row.child.pid, exit_code=0)
            self._hive.log(f"worker {row.worker_id} (pid {row.child.pid}) ended gracefully")

    def end_by_signal(self, row: WorkerRow, grace: float, reason: str) -> None:
        """Sends SIGTERM, and SIGKILL after a grace; returns when the worker has ended.

        Args:
            row: of the worker.
            grace: seconds of the run's clock; with 0, SIGKILL is sent at once.
            reason: for journal and log.
        """
        assert row.child is not None
        if grace > _FINEST:
            row.child.signal(signal.SIGTERM)
            if self._await_end(row.child, grace, "term-grace"):
                return
        self.force(row, reason)
        self._await_end(row.child, None)

    def force(self, row: WorkerRow, reason: str) -> None:
        """Sends SIGKILL to a worker; journal and log name the worker and the reason."""
        assert row.child is not None
        self._hive.journal.record("force_kill", worker_id=row.worker_id, pid=row.child.pid, reason=reason, signal=int(signal.SIGKILL))
        self._hive.log(f"worker {row.worker_id} (pid {row.child.pid}) gets SIGKILL: {reason}")
        row.child.signal(signal.SIGKILL)

    def await_given_up(self, deadline: float) -> None:
        """Waits for the ends of workers that are not listed any more; those that run at `deadline` of the run's clock get SIGKILL."""
        for row in self._given_up:
            if row.child is not None and not self._hive.clock.wait(row.child.ended, deadline, "given-up"):
                self.force(row, "shutdown")
                self._await_real_end(row.child, _KILL_LIMIT)

    def kill_all(self, reason: str) -> None:
        """Sends SIGKILL to all workers and waits for their ends, at most 2 s of real time each."""
        rows = [row for row in (*self.rows(), *self._given_up) if row.child is not None and row.child.code is None]
        for row in rows:
            self.force(row, reason)
        for row in rows:
            if row.child is not None:
                self._await_real_end(row.child, _KILL_LIMIT)

    def _request_shutdown(self, row: WorkerRow, limit: float) -> bool:
        try:
            return self._hive.client.call("POST", f"{row.url}/v1/admin/shutdown", limit=limit, timer="shutdown-ack").ok
        except HttpFailure as error:
            self._hive.log(f"worker {row.worker_id} did not acknowledge the shutdown request: {error}")
            return False

    def _at_most(self, limit: float, deadline: float) -> float:
        return min(limit, max(0.0, deadline - self._hive.clock.now()))

    def _await_end(self, child: Child, limit: float | None, timer: str = "") -> bool:
        return self._hive.clock.wait(child.ended, None if limit is None else self._hive.clock.now() + limit, timer)

    def _await_real_end(self, child: Child, limit: float) -> bool:
        # A process needs real time to end; the run's clock may stand still.
        return self._hive.real_clock.wait(child.ended, self._hive.real_clock.now() + limit)


def _details(child: Child) -> dict[str, Any]:
    """Fields of a worker's end in records and error details."""
    return {"pid": child.pid, **child.status.as_fields()}


def _not_started(row: WorkerRow, reason: str) -> RbeeError:
    no_process = {"pid": None, "exit_code": None, "signal": None}
    return RbeeError("WORKER_CRASHED", f"worker {row.worker_id} could not be started: {reason}", no_process)


def _port_in(ready_line: str) -> int | None:
    """The port that a worker names in its ready line, or None. With port 0, only the worker knows which one it got."""
    try:
        port = json.loads(ready_line).get("port")
    except (ValueError, AttributeError):
        return None
    return port if isinstance(port, int) else None
