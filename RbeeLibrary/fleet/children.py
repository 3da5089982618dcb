"""Starts and awaits the children of a daemon that has many threads.

A process with threads must not fork. A *spawner*, forked before the threads were started, forks twice instead: the process in the middle ends
immediately, and the kernel makes the child a child of the daemon, which is a subreaper.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..clock.activity import Activity, ChildActivity
from ..clock.event import Event
from ..errors import SpawnFailed
from ..run import environment
from ..run.exit_status import ExitStatus
from ..run.platform import has_pidfds, signal_at_parents_end
from ..run.proctitle import set_proctitle
from ..run.tcp_ports import PortTaken
from . import kernel
from .launch import RUN, Inherited, ProgramSpec, become, close_all_but, forked, module_command, of_descriptors, prepare, private
from .spares import Spares

_REQUEST_LIMIT = 262144
_PAUSE = 0.3
"""Seconds after a start before a spare is forked for the next one; most daemons need none for so long."""
OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}


@dataclass(eq=False, repr=False)
class Child:
    """A child of this process.

    Attributes:
        pid: of the child.
        port: TCP port of the socket that it inherited.
        ready: descriptor for its ready line; -1 when the line has been read.
        gate: descriptor that lets it run; -1 if it runs.
        code: result of `wait`; None while the child runs.
        ended: set when its end has been handled.
        activity: its entry in the activity of this process.
    """

    pid: int
    port: int | None
    ready: int
    gate: int = -1
    code: int | None = None
    ended: Event = field(default_factory=Event)
    activity: ChildActivity | None = None

    @property
    def status(self) -> ExitStatus:
        """Exit status; valid after its end only."""
        return ExitStatus(self.code or 0)

    def let_run(self) -> None:
        """Lets a child of a spawner run. It has done nothing yet, so what is recorded of its start comes before what it records itself."""
        if self.gate >= 0:
            with contextlib.suppress(BrokenPipeError):  # it has been killed
                os.write(self.gate, RUN)
            os.close(self.gate)
            self.gate = -1

    def give_up(self) -> None:
        """Closes the descriptors of a child that has been killed before it was ready."""
        for fd in (self.gate, self.ready):
            if fd >= 0:
                os.close(fd)
        self.gate = self.ready = -1

    def signal(self, number: int) -> None:
        """Sends a signal, unless the child has ended: its pid may belong to another process by then."""
        if self.code is None:
            if self.activity is not None:
                self.activity.signals[number] = time.monotonic_ns()
            kernel.kill(self.pid, number)

    def read_ready(self, activity: Activity) -> str | None:
        """Waits for the ready line of the child; returns None if the child ends without one."""
        line = b""
        try:
            while b"\n" not in line:
                with activity.parked():
                    data = os.read(self.ready, 4096)
                if not data:
                    return None
                line += data
        finally:
            self.forgo_ready(activity)
        return line.decode("utf-8", "replace").strip()

    def forgo_ready(self, activity: Activity) -> None:
        """Stops waiting for the ready line and closes its descriptor."""
        os.close(self.ready)
        self.ready = -1
        if self.activity is not None:
            activity.child_is_ready(self.activity)


class Spawner:
    """A small process that forks on behalf of this one. It must be created before any thread is started.

    Args:
        name: of this process; `ps` shows the spawner as `<name>-spawner`.
        rehearsals: what its spare does ahead of its start.
    """

    def __init__(self, name: str, rehearsals: Sequence[Callable[[], None]] = ()) -> None:
        self._lock = threading.Lock()
        kernel.become_subreaper()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _serve_spawns(theirs, parent, name, rehearsals)
            finally:
                os._exit(0)
        theirs.close()
        self._connection = ours

    def start(self, program: ProgramSpec) -> Child:
        """Starts a program as a child of this process, which waits for `let_run`.

        Raises:
            PortTaken: its port is taken.
            SpawnFailed: the spawner is gone, or could not start it.
        """
        with self._lock:
            try:
                self._connection.send(json.dumps(program.as_json()).encode())
                data, fds, _, _ = socket.recv_fds(self._connection, _REQUEST_LIMIT, 2)
            except OSError as error:
                raise SpawnFailed(f"the spawner of this process does not answer: {error.strerror}") from error
        if not data:
            raise SpawnFailed("the spawner of this process has ended")
        answer = json.loads(data)
        if "taken" in answer:
            raise PortTaken(answer["taken"])
        if "error" in answer:
            raise SpawnFailed(answer["error"])
        if len(fds) < 2:
            for fd in fds:
                os.close(fd)
            kernel.kill(answer["pid"])  # no descriptor was left to receive its pipes
            lost = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            raise SpawnFailed(f"{lost.strerror}{of_descriptors(lost)}")
        ready, gate = fds
        return Child(answer["pid"], answer["port"], ready, gate)


def _serve_spawns(connection: socket.socket, parent: int, name: str, rehearsals: Sequence[Callable[[], None]]) -> None:
    signal_at_parents_end(signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # First of all the parent's listening socket: if it stayed open here, its port would never be free again.
    close_all_but({0, 1, 2, connection.fileno()})
    set_proctitle([f"{name}-spawner", "--for", str(parent)])
    spares = Spares([f"{name}-spawner-spare", "--for", str(parent)], _forked_for_daemon, count=1, pause=_PAUSE)
    spares.rehearsals = rehearsals
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while True:
        if not poll.poll(spares.wait):
            spares.add()
            continue
        request = connection.recv(_REQUEST_LIMIT)
        if not request:
            return
        answer, fds = _spawn(ProgramSpec(**json.loads(request)), spares)
        try:
            socket.send_fds(connection, [json.dumps(answer).encode()], fds)
        except OSError:
            return
        for fd in fds:
            os.close(fd)


def _spawn(program: ProgramSpec, spares: Spares) -> tuple[dict[str, Any], list[int]]:
    """Starts a program that waits at its gate; returns the answer to the daemon, and the descriptors that go with it: its ready pipe and its gate."""
    listener = None
    pipes: list[int] = []
    try:
        listener = prepare(program)
        for _ in range(2):
            pipes += os.pipe()
        ready, ready_in_child, gate_in_child, gate = pipes
        inherited = Inherited(ready_in_child, listener, gate=gate_in_child)
        pid = spares.start(program, inherited) or _forked_for_daemon(lambda: become(program, inherited))
        port = inherited.port()
    except (OSError, OverflowError) as error:
        for fd in pipes:
            os.close(fd)
        return {"taken": program.port} if isinstance(error, PortTaken) else {"error": f"{error}{of_descriptors(error)}"}, []
    finally:
        if listener is not None:
            listener.close()
    for fd in (ready_in_child, gate_in_child):
        os.close(fd)
    return {"pid": pid, "port": port}, [ready, gate]


def _forked_for_daemon(child: Callable[[], object]) -> int:
    """Forks a process that becomes a child of the daemon; arguments and result are those of `forked`.

    Raises:
        OSError: it could not be forked.
    """
    answer, answer_in_middle = os.pipe()
    try:
        middle = os.fork()
        if middle == 0:
            try:
                os.write(answer_in_middle, str(forked(child, die_with=None)).encode())
            finally:
                os._exit(0)
        # The daemon becomes the parent only when the middle process is gone; it must not get the pid earlier, or its wait would fail.
        os.waitpid(middle, 0)
    finally:
        os.close(answer_in_middle)
        pid = os.read(answer, 32)
        os.close(answer)
    if not pid:
        raise OSError("a process could not be forked")
    return int(pid)


def start_executed(program: ProgramSpec) -> Child:
    """Starts a program in a new interpreter, or any command, as a child of this process.

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
    started.returncode = 0  # the reaper waits for its end: Popen must not wait for a pid that may belong to another process by then
    return Child(started.pid, port, ready)


class Reaper:
    """Waits for the children that are passed to `watch`, and for no others.

    Args:
        activity: of this process; an ended child stays in it until its end has been handled.
    """

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Child, Callable[[Child], None]]] = {}
        self._poll: select.poll | None = None

    def watch(self, child: Child, on_end: Callable[[Child], None]) -> None:
        """Calls `on_end` in the reaper's thread when the child has ended and its exit code is known."""
        child.activity = self._activity.child_started(child.pid)
        if not has_pidfds():
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
                        self._finish(child, result.si_status if result.si_code == os.CLD_EXITED else -result.si_status, on_end)

    def _wait_for(self, child: Child, on_end: Callable[[Child], None]) -> None:
        _, status = os.waitpid(child.pid, 0)
        self._finish(child, os.waitstatus_to_exitcode(status), on_end)

    def _finish(self, child: Child, code: int, on_end: Callable[[Child], None]) -> None:
        with self._activity.job(f"end of child {child.pid}"):
            child.code = code
            on_end(child)
            child.ended.set()  # last: a thread that waits for it may end this process, and the exit code would not be reported
            self._activity.child_ended(child.pid)
