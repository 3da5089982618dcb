"""The nursery: the process that imports the programs once, forks them on request and is their parent.

It also serves the run's socket: every process of the run registers there, and the library's requests to the fakes are forwarded through it.
It is single-threaded with one `poll` loop, and no peer can block it.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  a forked child must not import them later
import encodings.latin_1  # noqa: F401
import errno
import gc
import importlib
import os
import resource
import select
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from ..run.json_channel import JsonChannel
from ..run.lifeline import FULL, lifeline_of
from ..run.platform import portable
from ..run.proctitle import set_proctitle
from ..run.tcp_ports import listen
from .kernel import become_subreaper, end_children
from .launch import Inherited, ProgramSpec, become, forked, of_descriptors, prepare
from .spares import Spares


def main(connection: int, address: str, preload: str) -> None:
    """Runs the nursery until the runner's connection ends.

    Args:
        connection: descriptor of the socket to the runner.
        address: path of the run's socket.
        preload: comma-separated modules to import before the first fork.
    """
    set_proctitle(["rbee-nursery", "--run", address])
    become_subreaper()
    nursery = Nursery(socket.socket(fileno=connection), address)
    modules = [] if portable() else [importlib.import_module(module) for module in preload.split(",")]
    gc.collect()
    gc.disable()
    gc.freeze()
    nursery.serve([module.rehearse for module in modules if hasattr(module, "rehearse")])
    end_children()


class Peer(JsonChannel):
    """Connection of a process to the run's socket; `pid` is 0 until it has registered."""

    pid = 0


class Nursery:
    """Starts, adopts and reaps processes, and forwards messages between them and the runner.

    Args:
        runner: socket to the runner.
        address: path of the run's socket.
    """

    def __init__(self, runner: socket.socket, address: str):
        self._pid = os.getpid()
        self._poll = select.poll()
        self._runner = JsonChannel(runner)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(address)
        os.chmod(address, 0o600)
        self._listener.listen(1024)
        self._listener.setblocking(False)
        if not portable():
            os.mkfifo(lifeline_of(address), 0o600)
            self._lifeline = os.open(lifeline_of(address), os.O_RDWR)  # the run ends when nobody can write to it any more
        self._peers: dict[int, Peer] = {}
        self._controls: dict[int, Peer] = {}
        self._waiting: dict[int, int] = {}
        self._ready: dict[int, tuple[int, bytes]] = {}
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._wakeup, wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup, False)
        self._spares = Spares(["rbee-nursery-spare", "--run", address], self._forked, count=2)  # a fleet begins with a queen and a hive
        self._running = True
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        for source in (runner, self._listener, self._wakeup):
            self._poll.register(source, select.POLLIN)

    def serve(self, rehearsals: Sequence[Callable[[], None]] = ()) -> None:
        """Handles events one after the other until the run ends.

        Args:
            rehearsals: what a spare does ahead of its start.
        """
        self._spares.rehearsals = rehearsals
        while self._running:
            events = self._poll.poll(self._spares.wait)
            if not events:
                self._spares.add()
            for fd, _ in events:
                if fd == self._wakeup:
                    self._reap()
                elif fd == self._runner.fileno():
                    self._receive_from_runner()
                elif fd == self._listener.fileno():
                    self._accept()
                elif fd in self._ready:
                    self._receive_ready(fd)
                elif fd in self._peers:
                    self._receive_from_peer(fd)

    def _stop(self, *_: object) -> None:
        self._running = False

    def _report(self, **message: Any) -> None:
        try:
            self._runner.send(message)
        except OSError:
            self._running = False

    def _receive_from_runner(self) -> None:
        messages = self._runner.receive()
        if messages is None:
            self._running = False
            return
        for message in messages:
            if message["op"] == "start":
                self._start(message)
            elif message["op"] == "control":
                self._forward(message)
            elif message["op"] == "bye":
                self._running = False

    def _start(self, message: dict[str, Any]) -> None:
        pipe: tuple[int, ...] = ()
        with contextlib.ExitStack() as sockets:
            try:
                program = ProgramSpec(**message["program"])
                listener = sockets.enter_context(made) if (made := prepare(program)) else None
                way_out = sockets.enter_context(listen("127.0.0.1", 0)) if program.has_way_out else None
                pipe = read, write = os.pipe()
                inherited = Inherited(write, listener, way_out)
                pid = self._spares.start(program, inherited) or self._forked(lambda: become(program, inherited))
            except (OSError, OverflowError) as error:
                for fd in pipe:
                    os.close(fd)
                self._report(reply=message["id"], error=f"{error}{of_descriptors(error)}")
                return
            out = way_out.getsockname()[1] if way_out is not None else None
            port = inherited.port()
        os.close(write)
        os.set_blocking(read, False)
        self._ready[read] = (pid, b"")
        self._poll.register(read, select.POLLIN)
        self._report(reply=message["id"], pid=pid, port=port, way_out=out)

    def _forked(self, child: Callable[[], object]) -> int:
        return forked(child, die_with=self._pid)

    def _receive_ready(self, fd: int) -> None:
        pid, line = self._ready[fd]
        data = os.read(fd, 4096)
        line += data
        if b"\n" in line or not data:
            self._poll.unregister(fd)
            del self._ready[fd]
            os.close(fd)
            if b"\n" in line:
                self._report(event="ready", pid=pid, line=line.decode("utf-8", "replace").strip())
        else:
            self._ready[fd] = (pid, line)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wakeup, 512):
                continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not self._spares.forget(pid):
                self._report(event="exited", pid=pid, code=os.waitstatus_to_exitcode(status))

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._reject()
            return  # for any other error: the peer has closed the connection already
        connection.setblocking(True)
        self._peers[connection.fileno()] = Peer(connection)
        self._poll.register(connection, select.POLLIN)

    def _reject(self) -> None:
        # A connection that is not accepted would wake this loop again and again, and its peer would not learn the reason.
        os.close(self._spare)
        with contextlib.suppress(OSError), self._listener.accept()[0] as connection:
            connection.send(FULL)
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def _receive_from_peer(self, fd: int) -> None:
        peer = self._peers[fd]
        try:
            messages = peer.receive()
            for message in messages or []:
                self._handle(peer, message)
        except (ValueError, TypeError):
            messages = None  # a peer that sends invalid messages is no process of this run
        if messages is None:
            self._disconnect(fd)

    def _handle(self, peer: Peer, message: dict[str, Any]) -> None:
        if "hello" in message:
            self._register(peer, message)
        elif self._controls.get(peer.pid) is not peer:
            return  # messages are accepted from registered fakes only
        elif message.get("reply") in self._waiting:
            del self._waiting[message["reply"]]
            self._report(**message)
        elif message.get("event") in ("child-started", "child-exited"):
            self._report(**message)

    def _register(self, peer: Peer, message: dict[str, Any]) -> None:
        peer.pid = int(message.get("pid", 0))
        try:
            peer.connection.sendall(b"ok\n")
        except OSError:
            return
        if message["hello"] == "control":
            self._controls[peer.pid] = peer
        else:
            port = message.get("port")
            name, role = str(message.get("name", peer.pid)), str(message.get("role", ""))
            self._report(event="joined", pid=peer.pid, ppid=message.get("ppid", 0), name=name, role=role, port=port if isinstance(port, int) else None)

    def _disconnect(self, fd: int) -> None:
        peer = self._peers.pop(fd)
        self._poll.unregister(fd)
        if self._controls.get(peer.pid) is peer:
            del self._controls[peer.pid]
            for request in [request for request, pid in self._waiting.items() if pid == peer.pid]:
                del self._waiting[request]
                self._report(reply=request, error="the process ended before it answered")
        peer.close()

    def _forward(self, message: dict[str, Any]) -> None:
        control = self._controls.get(message["pid"])
        if control is None:
            self._report(reply=message["id"], error="the process accepts no requests from the library: it is no fake, or it has ended")
            return
        self._waiting[message["id"]] = message["pid"]
        try:
            control.send({"id": message["id"], **message["request"]})
        except OSError:
            self._waiting.pop(message["id"])
            self._report(reply=message["id"], error="the process ended before it received the request")
