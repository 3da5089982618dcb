"""Starts and controls the processes of a run on behalf of the runner, both forked and executed ones."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import CannotJudge, ControlFailed, NoRun, StartFailed
from ..run import environment
from ..run.exit_status import ExitStatus
from ..run.interruption import interruptible
from ..run.json_channel import JsonChannel
from ..run.platform import has_pidfds, open_standard_streams, portable, require_supported
from ..run.proctitle import ROOM
from ..run.socket_folder import socket_folder
from . import kernel
from .launch import ProgramSpec, module_command, of_descriptors, private


@dataclass(eq=False, repr=False)
class Process:
    """A process of the run; compared by identity, because pids are reused.

    Attributes:
        program: that it was started from, None if another process started it.
        mark: distinguishes it from a later process with the same pid.
        port: TCP port on which it serves.
        way_out: second port of a recorder, for what its program sends.
        exit_code: negative for a signal; None while it runs.
        ready: its ready line.
        started: when it was registered (monotonic seconds).
        ended: when its end was noticed (monotonic seconds).
        signals: signal number -> when the runner sent it last (monotonic nanoseconds).
    """

    pid: int
    name: str
    role: str
    ppid: int
    program: ProgramSpec | None
    mark: str | None
    port: int | None = None
    way_out: int | None = None
    exit_code: int | None = None
    ready: str | None = None
    started: float = 0.0
    ended: float | None = None
    signals: dict[int, int] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it has not ended: no exit status has arrived and it is still in the process table."""
        return self.exit_code is None and self.mark is not None and kernel.start_mark(self.pid) == self.mark

    @property
    def frozen(self) -> bool:
        """Whether it is stopped by a signal."""
        return self.alive and kernel.is_frozen(self.pid)


class Supervisor:
    """All processes of one run, and the connection to the nursery that starts them.

    Args:
        preload: modules that the nursery imports before it forks.
        logs: folder for the output of warden and nursery.
        environ: environment of all programs of the run.

    Raises:
        NoRun: there is no folder for its sockets, or the warden cannot be started.
    """

    def __init__(self, preload: list[str], logs: str, environ: Mapping[str, str]):
        require_supported()
        open_standard_streams()
        self._owner = os.getpid()
        self._environ = environ
        self.folder = socket_folder()
        self.address = os.path.join(self.folder, "run")
        self._changed = threading.Condition()
        self._processes: dict[int, Process] = {}
        self._starting: dict[int, tuple[ProgramSpec, str]] = {}
        self._replies: dict[int, dict[str, Any] | None] = {}
        self._abandoned: set[int] = set()
        self._next = 0
        self._over = False
        self._closing = False
        self._log = os.path.join(logs, "nursery.log")
        try:
            self._warden, self._channel = self._start_warden(preload)
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise NoRun(f"the nursery, which starts all programs of a run, cannot be started: {error}{of_descriptors(error)}") from None
        threading.Thread(target=self._listen, name="nursery", daemon=True).start()
        atexit.register(self.close)

    @property
    def root(self) -> int:
        """pid of the warden, the ancestor of the run's processes."""
        return self._warden.pid

    def _start_warden(self, preload: list[str]) -> tuple[subprocess.Popen[bytes], JsonChannel]:
        ours, theirs = socket.socketpair()
        with theirs, open(self._log, "ab", opener=private) as log:
            words = module_command("RbeeLibrary.fleet.warden", [str(os.getpid()), str(theirs.fileno()), ",".join(preload), " " * ROOM])
            env = {**self._environ, environment.RUN: self.address}
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], env=env), JsonChannel(ours)

    # --- starting ---

    def begin(self, program: ProgramSpec, role: str, *, executed: bool = False) -> int:
        """Requests the start of a program without waiting for it; several requests may be open.

        Args:
            program: to start.
            role: of the program.
            executed: start it in a new interpreter instead of forking the nursery.

        Returns:
            A ticket for `await_start`.
        """
        if program.module is not None and (executed or portable()):
            program = ProgramSpec(**{**program.as_json(), "module": None, "command": module_command(program.module, program.argv)})
        with self._changed:
            ticket = self._send({"op": "start", "program": program.as_json()})
            self._starting[ticket] = (program, role)
            return ticket

    def await_start(self, ticket: int, deadline: float) -> Process:
        """Waits until the process exists, at most until `deadline` (monotonic seconds).

        Raises:
            StartFailed: its port is taken, or the nursery did not answer.
        """
        with self._changed:
            reply = self._await_reply(ticket, deadline - time.monotonic())
            if reply is None:
                raise StartFailed(self._why_no_answer())
            if "error" in reply:
                raise StartFailed(str(reply["error"]))
            return self._processes[reply["pid"]]

    def settle_starts(self, limit: float) -> None:
        """Waits until the processes of all requested starts exist, at most `limit` seconds; those that come later are killed at once."""
        with self._changed:
            self._wait_for(lambda: not self._starting or self._over, limit)
            self._abandoned.update(self._starting)
            for ticket in self._starting:
                self._replies.pop(ticket, None)

    def await_ready(self, process: Process, deadline: float) -> None:
        """Waits for the ready line of a program, at most until `deadline` (monotonic seconds).

        Raises:
            StartFailed: the program ended first, or the line did not come in time.
        """
        with self._changed:
            self._wait_for(lambda: process.ready is not None or process.exit_code is not None or self._over, max(0.0, deadline - time.monotonic()))
        if process.ready is not None:
            return
        if process.exit_code is not None:
            raise StartFailed(f"it {ExitStatus(process.exit_code)} while starting, {(process.ended or 0) - process.started:.1f} s after its start")
        raise StartFailed(self._why_no_answer() if self._over else "it did not report in time that it serves")

    def adopt(self, pid: int, name: str, role: str, port: int | None = None) -> Process:
        """Registers a process that another process of the run has started.

        Args:
            pid: of the process.
            name: in the run.
            role: of its program.
            port: TCP port on which it serves.
        """
        with self._changed:
            process = self._register(pid, name, role, 0, None, port)
            process.port = process.port or port
            return process

    # --- queries ---

    @property
    def is_own(self) -> bool:
        """Whether this process has begun the run; a child that somebody forked has no say in it."""
        return os.getpid() == self._owner

    def processes(self) -> list[Process]:
        """All registered processes, including ended ones, in order of their start."""
        with self._changed:
            return list(self._processes.values())

    def find(self, name: str) -> Process | None:
        """The process with this name that was started last."""
        return next((process for process in reversed(self.processes()) if process.name == name), None)

    def alive(self) -> list[Process]:
        """All processes that have not ended."""
        return [process for process in self.processes() if process.alive]

    def signals_to(self, pid: int) -> dict[int, int]:
        """Signals that the runner has sent to a process: number -> time of the last one (monotonic nanoseconds)."""
        with self._changed:
            process = self._processes.get(pid)
        return process.signals if process is not None else {}

    def forget(self, ended: list[Process]) -> None:
        """Unregisters ended processes; ignores those that are alive."""
        with self._changed:
            for process in ended:
                if not process.alive and self._processes.get(process.pid) is process:
                    del self._processes[process.pid]

    # --- signals and ends ---

    def signal(self, process: Process, number: int) -> None:
        """Sends a signal to this process, never to a later one with the same pid.

        Raises:
            ProcessLookupError: the process has ended.
        """
        if not has_pidfds():
            if not process.alive:
                raise ProcessLookupError(process.name)
            process.signals[number] = time.monotonic_ns()
            os.kill(process.pid, number)
            return
        fd = os.pidfd_open(process.pid)
        try:
            if not process.alive:
                raise ProcessLookupError(process.name)
            process.signals[number] = time.monotonic_ns()
            signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)

    def await_exit(self, process: Process, limit: float) -> int | None:
        """Waits for the end of a process, at most `limit` seconds; returns its exit code (negative = signal), or None if it has not ended."""
        deadline = time.monotonic() + limit
        with self._changed:
            self._wait_for(lambda: process.exit_code is not None or self._over, limit)
        if process.exit_code is None and self._over:
            kernel.await_gone([process.pid], deadline)
        return process.exit_code

    def note_end(self, process: Process, code: int) -> None:
        """Notes the exit code of a process that is gone, where its parent, a real program, reports none."""
        with self._changed:
            if process.exit_code is None and not process.alive:
                process.exit_code = code
                process.ended = time.monotonic()
                self._changed.notify_all()

    def await_change(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Waits until the condition is true, at most until `deadline` (monotonic seconds); tests it after every message of the run."""
        with self._changed:
            return self._wait_for(condition, max(0.0, deadline - time.monotonic()))

    def await_news(self, limit: float) -> None:
        """Waits for the next message of the run, at most `limit` seconds."""
        with self._changed, interruptible():
            self._changed.wait(limit)

    def control(self, process: Process, request: dict[str, Any], limit: float = 5.0) -> Any:
        """Sends a request to a fake over the run's socket and returns its answer.

        Args:
            process: the fake.
            request: `op` and its arguments.
            limit: seconds of real time.

        Raises:
            CannotJudge: the process is a real program.
            ControlFailed: the process has ended, refused, or did not answer within the limit.
        """
        if process.program is not None and process.program.is_real:
            raise CannotJudge(f"{process.name} is a real program: it takes no orders from the library")
        with self._changed:
            ticket = self._send({"op": "control", "pid": process.pid, "request": request})
            reply = self._await_reply(ticket, limit)
        if reply is None:
            raise ControlFailed(f"{process.name} did not answer within {limit:g} s; is it frozen?")
        if "error" in reply:
            raise ControlFailed(f"{process.name}: {reply['error']}")
        return reply["value"]

    def close(self) -> None:
        """Ends the run with all its processes; returns when warden and nursery are gone."""
        if self._closing or not self.is_own:
            return
        self._closing = True
        atexit.unregister(self.close)
        if not self._processes and not self._next and not portable():
            self._warden.kill()  # nothing was started: no need to wait for the nursery's imports, and it ends with its warden
        with contextlib.suppress(OSError):
            self._channel.send({"op": "bye"})
        try:
            kernel.await_end(self._warden.pid, 5)
            self._warden.wait(5)
        except subprocess.TimeoutExpired:
            self._kill_all()
            self._warden.kill()
            self._warden.wait(5)
        with contextlib.suppress(OSError):
            self._channel.connection.shutdown(socket.SHUT_RDWR)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- messages of the nursery ---

    def _send(self, message: dict[str, Any]) -> int:
        self._next += 1
        self._replies[self._next] = None
        with contextlib.suppress(OSError):
            self._channel.send({**message, "id": self._next})
        return self._next

    def _await_reply(self, ticket: int, limit: float) -> dict[str, Any] | None:
        """Waits for a reply; the caller must hold the lock."""
        try:
            self._wait_for(lambda: self._replies[ticket] is not None or self._over, limit)
        finally:
            reply = self._replies.pop(ticket)
        return reply

    def _wait_for(self, condition: Callable[[], bool], limit: float) -> bool:
        with interruptible():
            return self._changed.wait_for(condition, limit)

    def _register(self, pid: int, name: str, role: str, ppid: int, program: ProgramSpec | None, port: int | None) -> Process:
        known = self._processes.get(pid)
        if known is not None and known.exit_code is None:
            known.program = known.program or program
            known.port = known.port or port
            return known
        process = Process(pid, name, role, ppid, program, kernel.start_mark(pid), port, started=time.monotonic())
        self._processes[pid] = process
        return process

    def _listen(self) -> None:
        for message in self._channel:
            self._handle(message)
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if not self._closing:
            self._kill_all()

    def _handle(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "reply" in message:
                self._note_reply(message)
            elif message["event"] in ("joined", "child-started"):
                self._register(message["pid"], message["name"], message["role"], message["ppid"], None, message.get("port"))
            elif message["event"] in ("ready", "exited", "child-exited"):
                self._note_change(message)
            self._changed.notify_all()

    def _note_reply(self, message: dict[str, Any]) -> None:
        starting = self._starting.pop(message["reply"], None)
        if starting is not None and "pid" in message:
            program, role = starting
            if message["reply"] in self._abandoned:
                self._abandoned.discard(message["reply"])
                kernel.kill(message["pid"])  # nobody waits for it any more, and its name may be used again
                return
            self._register(message["pid"], program.name, role, self._warden.pid, program, message["port"]).way_out = message["way_out"]
        if message["reply"] in self._replies:
            self._replies[message["reply"]] = message

    def _note_change(self, message: dict[str, Any]) -> None:
        process = self._processes.get(message["pid"])
        if process is None or process.exit_code is not None:
            return
        if message["event"] == "ready":
            process.ready = message["line"]
        else:
            process.exit_code = message["code"]
            process.ended = time.monotonic()

    def _why_no_answer(self) -> str:
        return f"the nursery of this run ended; {self._log} may say why" if self._over else "the nursery did not answer in time"

    def _kill_all(self) -> None:
        # Without the nursery only the registered processes and those whose environment names the run can be found.
        for process in self.alive():
            kernel.kill(process.pid)
        kernel.end_marked(self.address, spare={os.getpid(), self._warden.pid})
