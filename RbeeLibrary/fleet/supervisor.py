"""The runner's side: one interface for whatever is started, forked warm or exec'ed."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import ControlFailed, NoRun, StartFailed
from ..run import environment
from ..run.exit_status import ExitStatus
from ..run.json_channel import JsonChannel
from ..run.platform import portable, require_supported
from ..run.proctitle import ROOM
from . import kernel
from .launch import ProgramSpec, module_command, of_descriptors, private

_PLAIN = "/tmp"
_LONGEST = 103 if sys.platform == "darwin" else 107
"""Bytes of a unix socket's path."""
_ROOM_FOR_NAMES = len("/clock.sock")


@dataclass(eq=False, repr=False)
class Process:
    """A process of the run. Equal only to itself: pids come again."""

    pid: int
    name: str
    role: str
    ppid: int
    program: ProgramSpec | None
    mark: str | None
    port: int | None = None
    exit_code: int | None = None
    ready: str | None = None
    started: float = 0.0
    ended: float | None = None
    signals: dict[int, int] = field(default_factory=dict)
    """Signal number -> when the runner sent it last (monotonic nanoseconds)."""

    @property
    def alive(self) -> bool:
        """Whether it has not ended: no exit status came and the process table still has it."""
        return self.exit_code is None and self.mark is not None and kernel.start_mark(self.pid) == self.mark

    @property
    def frozen(self) -> bool:
        """Whether it is stopped by a signal."""
        return self.alive and kernel.is_frozen(self.pid)


class Supervisor:
    """All processes of one run.

    Args:
        preload: modules that the nursery imports before it forks.
        logs: folder for the output of warden and nursery.

    Raises:
        NoRun: there is no folder for its sockets, or its first process cannot be started.
    """

    def __init__(self, preload: list[str], logs: str):
        require_supported()
        self.folder = socket_folder()
        self.address = os.path.join(self.folder, "run")
        self._changed = threading.Condition()
        self._processes: dict[int, Process] = {}
        self._starting: dict[int, tuple[ProgramSpec, str]] = {}
        self._replies: dict[int, dict[str, Any] | None] = {}
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
        """pid of the topmost process of the run."""
        return self._warden.pid

    def _start_warden(self, preload: list[str]) -> tuple[subprocess.Popen[bytes], JsonChannel]:
        ours, theirs = socket.socketpair()
        with theirs, open(self._log, "ab", opener=private) as log:
            words = [sys.executable, "-m", "RbeeLibrary.fleet.warden", str(os.getpid()), str(theirs.fileno()), ",".join(preload), " " * ROOM]
            env = {**os.environ, environment.RUN: self.address}
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], env=env), JsonChannel(ours)

    # --- starting ---

    def begin(self, program: ProgramSpec, role: str, *, executed: bool = False) -> int:
        """Asks for a start without waiting for it; several may be under way.

        Args:
            program: what to start.
            role: what it is.
            executed: in an interpreter of its own instead of forked from the warm nursery.

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
        """Waits until the process exists.

        Raises:
            StartFailed: its port is taken, or the nursery did not answer.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._replies[ticket] is not None or self._over, deadline - time.monotonic())
            reply = self._replies.pop(ticket)
            if reply is None:
                raise StartFailed(self._why_no_answer())
            if "error" in reply:
                raise StartFailed(str(reply["error"]))
            return self._processes[reply["pid"]]

    def await_ready(self, process: Process, deadline: float) -> None:
        """Waits until a program has said that it serves.

        Raises:
            StartFailed: it ended before, or said nothing within the limit.
        """
        with self._changed:
            self._changed.wait_for(lambda: process.ready is not None or process.exit_code is not None or self._over, max(0.0, deadline - time.monotonic()))
        if process.ready is not None:
            return
        if process.exit_code is not None:
            raise StartFailed(f"it {ExitStatus(process.exit_code)} while starting, {(process.ended or 0) - process.started:.1f} s after its start")
        raise StartFailed(self._why_no_answer() if self._over else "it did not say that it serves")

    def adopt(self, pid: int, name: str, role: str, port: int | None = None) -> Process:
        """Takes a process into the books that somebody else of the run has started."""
        with self._changed:
            process = self._enter(pid, name, role, 0, None, port)
            process.port = process.port or port
            return process

    # --- what is there ---

    def processes(self) -> list[Process]:
        """All that were ever known, in order of their start."""
        with self._changed:
            return list(self._processes.values())

    def find(self, name: str) -> Process | None:
        """The newest process of this name."""
        return next((process for process in reversed(self.processes()) if process.name == name), None)

    def alive(self) -> list[Process]:
        """All that live."""
        return [process for process in self.processes() if process.alive]

    def signals_to(self, pid: int) -> dict[int, int]:
        """Which signals the runner has sent to a process, and when."""
        with self._changed:
            process = self._processes.get(pid)
        return process.signals if process is not None else {}

    def forget(self, ended: list[Process]) -> None:
        """Strikes ended processes from the books."""
        with self._changed:
            for process in ended:
                if not process.alive and self._processes.get(process.pid) is process:
                    del self._processes[process.pid]

    # --- signals and ends ---

    def signal(self, process: Process, number: int) -> None:
        """Sends a signal to this very process, never to a later one with its pid.

        Raises:
            ProcessLookupError: it has ended.
        """
        if not hasattr(os, "pidfd_open") or portable():
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
        """Waits for the end of a process; its exit code (negative = signal), or None if it lives on."""
        deadline = time.monotonic() + limit
        with self._changed:
            self._changed.wait_for(lambda: process.exit_code is not None or self._over, limit)
        if process.exit_code is None and self._over:
            await_gone([process], deadline)
        return process.exit_code

    def await_change(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Waits until something that the run reports makes the condition true."""
        with self._changed:
            return self._changed.wait_for(condition, max(0.0, deadline - time.monotonic()))

    def await_news(self, limit: float) -> None:
        """Waits until the run reports anything, at most `limit` seconds."""
        with self._changed:
            self._changed.wait(limit)

    def control(self, process: Process, request: dict[str, Any], limit: float = 5.0) -> Any:
        """Gives a fake an order and returns its answer.

        Raises:
            ControlFailed: it is no fake, has ended, refused, or did not answer within the limit.
        """
        with self._changed:
            ticket = self._send({"op": "control", "pid": process.pid, "request": request})
            self._changed.wait_for(lambda: self._replies[ticket] is not None or self._over, limit)
            reply = self._replies.pop(ticket)
        if reply is None:
            raise ControlFailed(f"{process.name} did not answer within {limit:g} s; is it frozen?")
        if "error" in reply:
            raise ControlFailed(f"{process.name}: {reply['error']}")
        return reply["value"]

    def close(self) -> None:
        """Ends the run and everything in it; comes back when warden and nursery are gone."""
        if self._closing:
            return
        self._closing = True
        atexit.unregister(self.close)
        if not self._processes and not self._next and not portable():
            self._warden.kill()  # never used: nobody waits until the nursery has done its imports, which ends with its warden
        with contextlib.suppress(OSError):
            self._channel.send({"op": "bye"})
        try:
            kernel.await_end(self._warden.pid, 5)
            self._warden.wait(5)
        except subprocess.TimeoutExpired:
            self._end_by_hand()
            self._warden.kill()
            self._warden.wait(5)
        with contextlib.suppress(OSError):
            self._channel.connection.shutdown(socket.SHUT_RDWR)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- inside ---

    def _send(self, message: dict[str, Any]) -> int:
        self._next += 1
        self._replies[self._next] = None
        with contextlib.suppress(OSError):
            self._channel.send({**message, "id": self._next})
        return self._next

    def _enter(self, pid: int, name: str, role: str, ppid: int, program: ProgramSpec | None, port: int | None) -> Process:
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
            self._end_by_hand()

    def _handle(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "reply" in message:
                self._note_reply(message)
            elif message["event"] in ("joined", "child-started"):
                self._enter(message["pid"], message["name"], message["role"], message["ppid"], None, message.get("port"))
            elif message["event"] in ("ready", "exited", "child-exited"):
                self._note_change(message)
            self._changed.notify_all()

    def _note_reply(self, message: dict[str, Any]) -> None:
        starting = self._starting.pop(message["reply"], None)
        if starting is not None and "pid" in message:
            program, role = starting
            self._enter(message["pid"], program.name, role, self._warden.pid, program, message["port"])
        if message["reply"] in self._replies:
            self._replies[message["reply"]] = message

    def _note_change(self, message: dict[str, Any]) -> None:
        process = self._processes.get(message["pid"])
        if process is None or process.exit_code is not None:
            return
        if message["event"] == "ready":
            process.ready = message["said"]
        else:
            process.exit_code = message["code"]
            process.ended = time.monotonic()

    def _why_no_answer(self) -> str:
        return f"the nursery of this run ended; {self._log} may say why" if self._over else "the nursery did not answer in time"

    def _end_by_hand(self) -> None:
        # The nursery is gone: what is known, and what carries the mark of this run, ends here.
        for process in self.alive():
            kernel.kill(process.pid)
        kernel.end_marked(self.address, spare={os.getpid(), self._warden.pid})


def socket_folder() -> str:
    """Makes the folder for the run's sockets: where temporary files are, or in /tmp where that path is too long for a socket.

    Raises:
        NoRun: neither can be used.
    """
    reasons = []
    for place in (None, _PLAIN):
        try:
            folder = tempfile.mkdtemp(prefix="rbee-", dir=place)
        except OSError as error:
            reasons.append(str(error))
            continue
        if len(os.fsencode(folder)) + _ROOM_FOR_NAMES <= _LONGEST:
            return folder
        os.rmdir(folder)
        reasons.append(f"{folder} is too long for a unix socket, whose path has at most {_LONGEST} bytes")
    raise NoRun(f"there is no folder for the sockets of a run: {'; '.join(reasons)}. Set TMPDIR to a short path of a folder that can be written to")


def await_gone(processes: list[Process], deadline: float) -> list[Process]:
    """Waits until processes have left the process table, without being their parent; returns those that have not."""
    import psutil

    objects = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            objects.append(psutil.Process(process.pid))
    psutil.wait_procs(objects, timeout=max(0.0, deadline - time.monotonic()))
    return [process for process in processes if process.alive]
