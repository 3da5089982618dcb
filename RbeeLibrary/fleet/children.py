"""Children of a daemon with many threads: started by a clean little process, waited for by their own parent.

A process with threads must not fork. A *spawner*, forked before the threads started, forks twice instead: the middle process
ends at once, and the kernel hands the child to the daemon, which is a subreaper.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..clock.activity import Activity, ChildActivity
from ..clock.clock import Event
from ..errors import SpawnFailed
from ..run import environment
from ..run.exit_status import ExitStatus
from ..run.platform import portable, signal_at_parents_end
from ..run.proctitle import set_proctitle
from ..run.tcp_ports import PortTaken
from . import kernel
from .launch import ProgramSpec, close_all_but, fork, module_command, of_descriptors, prepare, private

_REQUEST_LIMIT = 262144
OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}


@dataclass(eq=False, repr=False)
class Child:
    """A child of this process."""

    pid: int
    port: int | None
    ready: int
    """Descriptor on which the child says that it serves; -1 when it has been read."""
    code: int | None = None
    ended: Event = field(default_factory=Event)
    account: ChildActivity | None = None

    @property
    def status(self) -> ExitStatus:
        """How it ended; only after its end."""
        return ExitStatus(self.code or 0)

    def signal(self, number: int) -> None:
        """Sends a signal; an ended child is left alone (its pid may be somebody else's)."""
        if self.code is None:
            if self.account is not None:
                self.account.signals[number] = time.monotonic_ns()
            kernel.kill(self.pid, number)

    def read_ready(self, activity: Activity) -> str | None:
        """Waits for the one line that says that the child serves; None when it ended without."""
        text = b""
        try:
            while b"\n" not in text:
                with activity.parked():
                    piece = os.read(self.ready, 4096)
                if not piece:
                    return None
                text += piece
        finally:
            self.forgo_ready(activity)
        return text.decode("utf-8", "replace").strip()

    def forgo_ready(self, activity: Activity) -> None:
        """Nobody waits for the ready line, or not any more."""
        os.close(self.ready)
        self.ready = -1
        if self.account is not None:
            activity.child_is_ready(self.account)


class Spawner:
    """The little process that forks for this one. Make it before any thread starts.

    Args:
        name: of this process; `ps` shows the spawner as `<name>-spawner`.
    """

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        kernel.become_subreaper()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _serve_spawns(theirs, parent, name)
            finally:
                os._exit(0)
        theirs.close()
        self._connection = ours

    def start(self, program: ProgramSpec) -> Child:
        """Starts a program as a child of this process.

        Raises:
            PortTaken: its port is taken.
            SpawnFailed: the spawner is gone, or could not.
        """
        with self._lock:
            try:
                self._connection.send(json.dumps(program.as_json()).encode())
                data, fds, _, _ = socket.recv_fds(self._connection, _REQUEST_LIMIT, 1)
            except OSError as error:
                raise SpawnFailed(f"the spawner of this process does not answer: {error.strerror}") from error
        if not data:
            raise SpawnFailed("the spawner of this process has ended")
        answer = json.loads(data)
        if "taken" in answer:
            raise PortTaken(answer["taken"])
        if "error" in answer:
            raise SpawnFailed(answer["error"])
        if not fds:
            kernel.kill(answer["pid"])  # there was no descriptor left to take its ready pipe over with
            lost = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            raise SpawnFailed(f"{lost.strerror}{of_descriptors(lost)}")
        return Child(answer["pid"], answer["port"], fds[0])


def _serve_spawns(connection: socket.socket, parent: int, name: str) -> None:
    signal_at_parents_end(signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # The listening socket of the parent first of all: kept open here, its port would never be free again.
    close_all_but({0, 1, 2, connection.fileno()})
    set_proctitle([f"{name}-spawner", "--for", str(parent)])
    while request := connection.recv(_REQUEST_LIMIT):
        answer, fds = _spawn(ProgramSpec(**json.loads(request)), parent)
        gate = answer.pop("gate", None)
        try:
            socket.send_fds(connection, [json.dumps(answer).encode()], fds)
        except OSError:
            return
        for fd in fds:
            os.close(fd)
        if gate is not None:
            os.write(gate, b"g")
            os.close(gate)


def _spawn(program: ProgramSpec, parent: int) -> tuple[dict[str, Any], list[int]]:
    listener = None
    pipes: list[int] = []
    try:
        listener = prepare(program)
        for _ in range(3):
            pipes += os.pipe()
        ready, ready_in_child, gate_in_child, gate, answer_fd, answer_in_middle = pipes
        middle = os.fork()
    except (OSError, OverflowError) as error:
        for fd in pipes:
            os.close(fd)
        if listener is not None:
            listener.close()
        return {"taken": program.port} if isinstance(error, PortTaken) else {"error": f"{error}{of_descriptors(error)}"}, []
    port = listener.getsockname()[1] if listener else None
    if middle == 0:
        try:
            pid = fork(program, listener, ready_in_child, keep=set(), before=lambda: _wait_at_gate(gate_in_child, gate), die_with=None)
            os.write(answer_in_middle, str(pid).encode())
        finally:
            os._exit(0)
    for fd in (ready_in_child, gate_in_child, answer_in_middle):
        os.close(fd)
    if listener:
        listener.close()
    # Only after the middle process is gone is the child the daemon's: the answer comes later, or its wait would fail.
    os.waitpid(middle, 0)
    said = os.read(answer_fd, 32)
    os.close(answer_fd)
    if not said:
        os.close(ready)
        os.close(gate)
        return {"error": f"{program.name} could not be forked"}, []
    return {"pid": int(said), "port": port, "gate": gate}, [ready]


def _wait_at_gate(gate: int, other_end: int) -> None:
    os.close(other_end)
    if os.read(gate, 1) != b"g":
        os._exit(1)


def start_executed(program: ProgramSpec) -> Child:
    """Starts a program as a child of this process in an interpreter of its own, or any command.

    Raises:
        PortTaken: its port is taken.
        SpawnFailed: it cannot be started.
    """
    try:
        listener, pipe = prepare(program), os.pipe()
    except PortTaken:
        raise
    except OSError as error:
        raise SpawnFailed(f"{program.name} cannot be started: {error}{of_descriptors(error)}") from error
    port = listener.getsockname()[1] if listener else None
    ready, ready_in_child = pipe
    env = {**os.environ, **program.env, environment.NAME: program.name, environment.READY_FD: str(ready_in_child)}
    env.pop(environment.FORKED, None)
    fds = [ready_in_child]
    if listener is not None:
        fds.append(listener.fileno())
        env[environment.LISTEN_FD] = str(listener.fileno())
    words = program.words(port)
    command = module_command(program.module, words) if program.module else words
    try:
        with contextlib.ExitStack() as files:
            out, err = (files.enter_context(open(path, "ab", opener=private)) if path else None for path in (program.stdout, program.stderr))
            started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=fds, env=env, cwd=program.cwd, **OWN_GROUP)
    except OSError as error:
        os.close(ready)
        raise SpawnFailed(f"{command[0]} cannot be started: {error.strerror}{of_descriptors(error)}") from error
    finally:
        os.close(ready_in_child)
        if listener is not None:
            listener.close()
    started.returncode = 0  # its end is waited for by the reaper: Popen must not wait for a pid that may be somebody else's
    return Child(started.pid, port, ready)


class Reaper:
    """Waits for the children it is given, and for no other: their true exit codes, the moment they end.

    Args:
        activity: of this process; a child that has ended is in them until its end has been told.
    """

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Child, Callable[[Child], None]]] = {}
        self._poll: select.poll | None = None

    def watch(self, child: Child, on_end: Callable[[Child], None]) -> None:
        """Calls back, in a thread of the reaper, when a child has ended and its code is known."""
        child.account = self._activity.child_started(child.pid)
        if portable() or not hasattr(os, "pidfd_open"):
            threading.Thread(target=self._wait_for, args=(child, on_end), name=f"wait-{child.pid}", daemon=True).start()
            return
        fd = os.pidfd_open(child.pid)
        with self._lock:
            self._waiting[fd] = (child, on_end)
            if self._poll is None:
                self._poll = select.poll()
                self._wakeup, self._waker = os.pipe()
                self._poll.register(self._wakeup, select.POLLIN)
                threading.Thread(target=self._serve, args=(self._poll,), name="reaper", daemon=True).start()
            os.write(self._waker, b"w")

    def _serve(self, poll: select.poll) -> None:
        while True:
            for fd, _ in poll.poll():
                if fd == self._wakeup:
                    os.read(fd, 512)
                    with self._lock:
                        for waiting in self._waiting:
                            poll.register(waiting, select.POLLIN)
                else:
                    poll.unregister(fd)
                    with self._lock:
                        child, on_end = self._waiting.pop(fd)
                    result = os.waitid(os.P_PIDFD, fd, os.WEXITED)
                    os.close(fd)
                    if result is not None:
                        self._tell(child, result.si_status if result.si_code == os.CLD_EXITED else -result.si_status, on_end)

    def _wait_for(self, child: Child, on_end: Callable[[Child], None]) -> None:
        _, status = os.waitpid(child.pid, 0)
        self._tell(child, os.waitstatus_to_exitcode(status), on_end)

    def _tell(self, child: Child, code: int, on_end: Callable[[Child], None]) -> None:
        with self._activity.job(f"end of child {child.pid}"):
            child.code = code
            on_end(child)
            child.ended.set()  # last: who waits for it may end the process, and then nobody would hear of the code
            self._activity.child_ended(child.pid)
