"""The program that stands in front of a real one: passes its bytes on in both directions, and writes its journal."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from typing import Any

from ..fakes.runtime.entry_point import launch
from ..fakes.runtime.service import Service
from ..faults.base import Cut, FaultSet, FaultSpec
from ..faults.registry import KINDS
from ..protocol.forms import host_and_port
from ..protocol.program_options import RecorderOptions
from ..run import environment
from ..run.tcp_ports import is_loopback, listen
from .exchange import Observed
from .faulty import Faulty
from .proxy import IncomingProxy, OutgoingProxy

_PROGRAM_LIMIT = 10.0
_PROBE_LIMIT = 1.0
_ANYWHERE = "*"


class Recorder(Service):
    """Two proxies around a real program: one on its public port, one that it sends its own requests to."""

    def __init__(self, options: RecorderOptions, listener: socket.socket | None):
        self.options: RecorderOptions  # set by the base class
        super().__init__("fake-recorder", options, listener)
        self.observed = Observed(self.clock, self.journal)
        self.faults_out = FaultSet(KINDS, self.name, self.clock, self.journal)
        self.faulty = Faulty(self.faults, self._kill_program)
        self.faulty_out = Faulty(self.faults_out, self._kill_program)
        self._program_pid = 0
        self._is_bound = False
        self.observed.look_whether_bound = self.look_whether_bound
        self._routes: dict[str, str] = {}
        self._known = threading.Event()
        fd = os.environ.pop(environment.WAY_OUT_FD, None)
        self._outgoing = OutgoingProxy(self, listen("127.0.0.1", 0) if fd is None else socket.socket(fileno=int(fd)), self._route)

    def make_server(self) -> IncomingProxy:
        self._incoming = IncomingProxy(self, self.listener, host_and_port(self.options.to))
        return self._incoming

    def prepare(self) -> None:
        self.set_state("idle")
        self._outgoing.start()
        if self.control is None:
            self._known.set()
        else:
            self.control.on("busy", lambda _: self._is_busy(), is_job=False)
            self.control.on("routes", lambda order: self._routes.update(order["routes"]))
            self.control.on("program", self._take_program)
            self.control.on("arm-fault-out", lambda order: self.faults_out.arm(FaultSpec(**order["spec"])))

    def clear_faults(self, fault_id: str | None) -> None:
        super().clear_faults(fault_id)
        self.faults_out.clear(fault_id)

    def set_state(self, state: str) -> None:
        self.state = state  # not into the journal, which is the program's

    def await_program(self) -> None:
        """Waits until the library has said for which process this recorder writes: nothing that passes is left out of its journal."""
        self._known.wait(_PROGRAM_LIMIT)

    def _take_program(self, order: dict[str, Any]) -> None:
        self.journal.continue_as(order["journal"], order["program"], order["pid"])
        self._program_pid = order["pid"]
        self.observed.role = order["program"].partition("-")[2]
        self.journal.record("recorded", port=host_and_port(self.options.to)[1], recorder=os.getpid(), public=self.port)
        self._known.set()
        self.spawn(self._await_its_end, order["pid"], name="program")

    def look_whether_bound(self) -> None:
        """Records that the program accepts connections, once it does."""
        if self._is_bound:
            return
        with contextlib.suppress(OSError):
            socket.create_connection(host_and_port(self.options.to), _PROBE_LIMIT).close()
            self.note_bound()

    def note_bound(self) -> None:
        """Records that the program has accepted a connection."""
        if not self._is_bound:
            self._is_bound = True
            self.journal.record("bound", port=self.port)

    def _is_busy(self) -> bool:
        """Whether something that the program has sent is not passed on yet, or something that was passed on has not arrived."""
        proxies = (self._incoming, self._outgoing)
        is_unread = any(proxy.unread() for proxy in proxies)  # first: what is taken meanwhile is at work
        return is_unread or self.clock.activity.at_work > 0 or any(proxy.undelivered() for proxy in proxies)

    def _kill_program(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._program_pid, signal.SIGKILL)
        raise Cut  # what the program has sent already, and nobody has got, is lost as well

    def _await_its_end(self, pid: int) -> None:
        with self.clock.activity.parked():
            _await_end(pid)
        self.request_shutdown("the program has ended")

    def _route(self, host: str, port: int) -> tuple[str, int] | str:
        """Where a request of the program to this address goes."""
        is_here = is_loopback(host) or host == socket.gethostname()
        mapped = self._routes.get(f"{host}:{port}") or (self._routes.get(f"{_ANYWHERE}:{port}") if is_here else None)
        if mapped is not None:
            return host_and_port(mapped)
        if is_here:
            return (host if is_loopback(host) else "127.0.0.1"), port
        return f"{host}:{port} is outside of this machine, and nothing in this run is known by that address"

    def drain(self) -> None:
        self._outgoing.finish(0)


def _await_end(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (OSError, AttributeError):
        import psutil

        try:
            psutil.Process(pid).wait()
        except psutil.Error:
            return
        return
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll()
    os.close(fd)


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-recorder`."""
    launch(Recorder, RecorderOptions, "fake-recorder", argv, listener)


if __name__ == "__main__":
    main()
