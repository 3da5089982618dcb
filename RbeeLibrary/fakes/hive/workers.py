"""The workers of a hive: rows, processes and their ends (contract 5.3 to 5.6, 16)."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import SpawnFailed
from ...fleet.children import Child, Reaper, Spawner, start_executed
from ...fleet.launch import FORKED_VARIABLE, ProgramSpec, of_descriptors
from ...protocol.error_codes import RbeeError
from ...protocol.model_reference import NO_MODEL
from ...protocol.options import MASK, to_argv
from ...protocol.program_options import HiveOptions
from ...protocol.schema.messages import SpawnRequest
from ...run.platform import portable
from ...run.tcp_ports import PortTaken
from ..runtime.formatting import iso_time
from ..runtime.service import Service

OUTPUT_VARIABLE = "RBEE_OUTPUTS"
_WORKER = "RbeeLibrary.fakes.worker"
_PORT_TRIES = 3
_LOOPBACK = "127.0.0.1"
_ANY = ("0.0.0.0", "::")
_REAP_LIMIT = 5.0
_KILL_LIMIT = 2.0


@dataclass(eq=False)
class WorkerRow:
    """What the hive knows of one worker; it exists from before the process starts until the process has ended."""

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

    @property
    def url(self) -> str:
        """Where the worker serves."""
        return f"http://{self.host}:{self.port}"

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


class Workers:
    """Starts workers as children of the hive, keeps their rows, sees them end."""

    def __init__(self, hive: Service, options: HiveOptions, url: Callable[[], str], on_removed: Callable[[WorkerRow, str], None]):
        self._hive = hive
        self._options = options
        self._hive_url = url
        self._on_removed = on_removed
        self._lock = threading.Lock()
        self._rows: dict[str, WorkerRow] = {}
        self._reserved: set[int] = set()
        self._extra_argv: dict[str, list[str]] = {}
        self._starts = 0
        self._closed = False
        self._reaper = Reaper(hive.clock.activity)
        self._spawner = Spawner("fake-hive") if os.environ.get(FORKED_VARIABLE) and not portable() else None

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
        """Further words for the next worker of this id (the library's orders; a client has no say in it)."""
        self._extra_argv[worker_id] = argv

    def put_in_order(self, worker_ids: list[str]) -> None:
        """Lists these first, in this order, as if they had been started one after the other."""
        with self._lock:
            first = {name: self._rows[name] for name in worker_ids if name in self._rows}
            self._rows = {**first, **self._rows}

    def close(self) -> None:
        """No new workers from now on."""
        with self._lock:
            self._closed = True

    # --- starting (5.5) ---

    def start(self, asked: SpawnRequest, model_path: str | None) -> WorkerRow:
        """Starts a worker with a model file and returns when it has bound its port."""
        tried: set[int] = set()
        while True:
            row = self._reserve(asked, tried)
            row.model_path = model_path
            tried.add(row.port)
            try:
                return self._start_process(row, asked)
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
                raise _not_started(row, f"{error}{of_descriptors(error)}") from error

    def _reserve(self, asked: SpawnRequest, tried: set[int]) -> WorkerRow:
        with self._lock:
            if self._closed:
                raise RbeeError("SHUTTING_DOWN", "the hive is shutting down")
            port = self._pick_port(asked.port, tried)
            self._starts += 1
            worker_id = asked.worker_id or f"mock-worker-{port or self._starts}"
            if worker_id in self._rows:
                raise RbeeError("WORKER_ALREADY_REGISTERED", f"worker id {worker_id} is in use")
            host = os.environ.get("RBEE_WORKER_HOST") or (_LOOPBACK if self._options.host in _ANY else self._options.host)
            slots = asked.slots or self._options.slots or 1
            row = WorkerRow(
                worker_id,
                host,
                port,
                asked.model_ref or NO_MODEL,
                asked.backend,
                asked.device,
                slots,
                last_activity=iso_time(self._hive.clock.wall()),
                request=asked,
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
            if port not in used and _can_bind(self._options.host, port):
                return port
        raise RbeeError("NO_FREE_PORT", f"no port of {self._options.worker_ports} is free")

    def _start_process(self, row: WorkerRow, asked: SpawnRequest) -> WorkerRow:
        program = self._program(row, asked)
        try:
            child = self._spawner.start(program) if self._spawner and program.module else start_executed(program)
        except SpawnFailed as error:
            raise _not_started(row, str(error)) from None
        with self._lock:
            row.child = child
            row.port = child.port or row.port
        self._hive.journal.record("process_started", worker_id=row.worker_id, child=child.pid, argv=program.words(row.port))
        if self._hive.control is not None:
            self._hive.control.report("child-started", pid=child.pid, ppid=os.getpid(), name=row.worker_id, role="worker", port=row.port)
        self._reaper.watch(child, lambda ended: self._ended(row, ended))
        if self._options.worker_args == "fake":
            self._await_ready(row, child)
        else:
            child.forgo_ready(self._hive.clock.activity)
            with self._hive.clock.activity.job("spawn-settle"):  # a real program knows no clock but its own
                ended = self._await_end(child, self._options.spawn_settle)
            if ended:
                if row.port and not _can_bind(self._options.host, row.port):
                    raise PortTaken(row.port)
                raise self._crashed(row, child)
        return row

    def _program(self, row: WorkerRow, asked: SpawnRequest) -> ProgramSpec:
        options = self._options
        outputs = os.environ.get(OUTPUT_VARIABLE)
        out, err = (os.path.join(outputs, f"{row.worker_id}.{kind}") if outputs else None for kind in ("stdout", "stderr"))
        callback = f"{self._hive_url()}/v1/workers/ready"
        if options.worker_args == "real":
            argv = ["--worker-id", row.worker_id, "--model", row.model_path or asked.model_path, "--port", "{port}", "--callback-url", callback]
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
                        "slots": asked.slots or options.slots,
                        "api_key": MASK if options.api_key else None,
                        "die_with_parent": "on" if options.workers_die_with_hive == "on" else None,
                    }
                ),
            ]
        argv += self._extra_argv.pop(row.worker_id, [])
        env = {"RBEE_API_KEY": options.api_key} if options.api_key else {}
        binary = self._binary(asked.binary)
        if binary is None:
            return ProgramSpec(row.worker_id, module=_WORKER, argv=argv, title="mock-worker", host=options.host, port=row.port, stdout=out, stderr=err, env=env)
        words = [binary, *(word.replace("{port}", str(row.port)) for word in argv)]
        return ProgramSpec(row.worker_id, command=words, port=None, stdout=out, stderr=err, env=env)

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
            said = child.read_ready(self._hive.clock.activity)
        if said is not None:
            row.port = _port_said(said) or row.port
            return
        self._await_end(child, _REAP_LIMIT)
        if timer.fired:
            raise RbeeError("WORKER_CRASHED", f"worker {row.worker_id} did not open its port within {limit}", self._ending(child))
        raise self._crashed(row, child)

    def _await_end(self, child: Child, limit: float) -> bool:
        return self._hive.real_clock.wait(child.ended, self._hive.real_clock.now() + limit)

    def _crashed(self, row: WorkerRow, child: Child) -> RbeeError:
        ending = self._ending(child)
        how = f"exit code {ending['exit_code']}" if ending["signal"] is None else f"signal {ending['signal']}"
        return RbeeError("WORKER_CRASHED", f"worker {row.worker_id} (pid {child.pid}) ended while starting: {how}", ending)

    def _ending(self, child: Child) -> dict[str, Any]:
        code = child.code if child.code is not None else 0
        return {"pid": child.pid, "exit_code": code if code >= 0 else None, "signal": -code if code < 0 else None}

    # --- ending ---

    def _ended(self, row: WorkerRow, child: Child) -> None:
        ending = self._ending(child)
        self._hive.journal.record("process_exited", worker_id=row.worker_id, child=child.pid, exit_code=ending["exit_code"], signal=ending["signal"])
        self._drop(row)  # before it is told: who knows of the end may start it again
        if self._hive.control is not None:
            self._hive.control.report("child-exited", pid=child.pid, code=child.code)
        reason = row.reason or ("exited" if child.code == 0 else "crashed")
        fields = {"worker_id": row.worker_id, **ending}
        if reason == "crashed":
            self._hive.journal.record("worker_crashed", **fields)
            self._hive.log(f"worker {row.worker_id} (pid {child.pid}) crashed: exit code {ending['exit_code']}, signal {ending['signal']}")
        self._hive.journal.record("worker_removed", reason=reason, **fields)
        self._hive.log(f"worker {row.worker_id} (pid {child.pid}) removed: {reason}")
        self._on_removed(row, reason)

    def _drop(self, row: WorkerRow) -> None:
        with self._lock:
            if self._rows.get(row.worker_id) is row:
                del self._rows[row.worker_id]

    def strike(self, row: WorkerRow) -> None:
        """Takes a worker from the list before its process has ended (given up as unhealthy)."""
        self._drop(row)

    def force(self, row: WorkerRow, reason: str) -> None:
        """SIGKILL to one, with a record and a line in the log that say to whom and why."""
        assert row.child is not None
        self._hive.journal.record("force_kill", worker_id=row.worker_id, pid=row.child.pid, reason=reason, signal=int(signal.SIGKILL))
        self._hive.log(f"worker {row.worker_id} (pid {row.child.pid}) gets SIGKILL: {reason}")
        row.child.signal(signal.SIGKILL)

    def kill_all(self, reason: str) -> None:
        """SIGKILL to all; returns when they are gone, after 2 s in any case."""
        rows = [row for row in self.rows() if row.child is not None]
        for row in rows:
            self.force(row, reason)
        for row in rows:
            if row.child is not None:
                self._await_end(row.child, _KILL_LIMIT)


def _not_started(row: WorkerRow, why: str) -> RbeeError:
    nothing = {"pid": None, "exit_code": None, "signal": None}
    return RbeeError("WORKER_CRASHED", f"worker {row.worker_id} could not be started: {why}", nothing)


def _port_said(line: str) -> int | None:
    """The port in a ready line; a program that bound port 0 is the only one that knows it."""
    try:
        port = json.loads(line).get("port")
    except (ValueError, AttributeError):
        return None
    return port if isinstance(port, int) else None


def port_range(text: str) -> tuple[int, int]:
    """Reads `A-B`.

    Raises:
        ValueError: it is none.
    """
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        raise ValueError(f"--worker-ports {text}: expected A-B, such as 8001-8099, or 0")
    first, last = int(low), int(high or low)
    if first > last or last > 65535:
        raise ValueError(f"--worker-ports {text}: expected A-B with A <= B <= 65535")
    return first, last


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True
