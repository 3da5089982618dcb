"""A program that serves: its routes, faults and log, from its start to its graceful end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from ...faults.base import FaultContext, FaultSet, FaultSpec
from ...faults.registry import KINDS
from ...protocol.options import VERSION, DaemonOptions
from ...protocol.sse import compact
from ...run import environment
from ...run.platform import portable, signal_at_parents_end
from ...run.tcp_ports import http_url, is_loopback, listen
from .http_app import Handler, HttpApp, Reply
from .http_server import HttpServer
from .program import Program, exit_now

_FLUSH_LIMIT = 1.0
_PARENT_GONE = "parent gone"


class Serving(Protocol):
    """A server on the port of a program."""

    def start(self) -> None: ...  # noqa: D102

    def refuse(self) -> None: ...  # noqa: D102

    def accept(self) -> None: ...  # noqa: D102

    def finish(self, limit: float) -> None: ...  # noqa: D102


class Service(Program):
    """A program that serves HTTP and ends gracefully.

    A fake adds its routes in its constructor and overrides `started`, `drain` and `abandon`.

    Args:
        program: its name, for logs, journals and `User-Agent`.
        options: its options.
        listener: a socket that listens already, or None to bind `--host` and `--port`.
        service: part of the contract whose routes it serves: queen, hive, worker or hub; empty for a program without HTTP.

    Raises:
        OSError: the port cannot be had.
        ValueError: a fault of the command line cannot be read.
    """

    def __init__(self, program: str, options: DaemonOptions, listener: socket.socket | None, service: str = ""):
        self.options = options
        first_faults = [FaultSpec.parse(text) for text in options.fault]
        self.listener = listener or _inherited_listener() or listen(options.host, options.port)
        super().__init__(program, port=self.listener.getsockname()[1], journal=options.journal, api_key=options.api_key)
        self.state = "starting"
        self.log_lines: list[str] = []
        self.on_log: Callable[[str], None] = lambda _: None
        self._log_lock = threading.Lock()
        self._server: Serving | None = None
        self.faults = FaultSet(KINDS, self.name, self.clock, self.journal)
        for spec in first_faults:
            self.faults.arm(spec)
        self._http_app = HttpApp(options, self.clock, self.journal, self.faults, self.write_line, service)
        if service:
            self.route("GET", "/openapi.json", lambda request: _description(service, options.report_version))

    @property
    def url(self) -> str:
        """URL on which it serves."""
        return http_url(self.options.host, self.port)

    # --- hooks for subclasses ---

    def started(self) -> None:
        """Called once the server answers."""

    def stop_taking_work(self) -> bool:
        """Called on the first SIGTERM, SIGINT or shutdown request: nothing new is taken from now on. Returns whether `drain` may have to wait."""
        self.set_state("draining")
        return True

    def drain(self) -> None:
        """Called after `stop_taking_work`; returns when the process may end."""

    def abandon(self) -> None:
        """Called on a second signal; ends what `drain` still waits for."""

    # --- for subclasses ---

    def route(self, method: str, path: str, handler: Handler, *, protected: bool | None = None, at_once: bool = False) -> None:
        """Registers the handler of a route of the contract, see `HttpApp.route`.

        Args:
            method: HTTP method.
            path: as written in `protocol/schema/routes.py`.
            handler: gets the request, and the variable parts of the path by name.
            protected: whether the route needs a key; None = as in the contract.
            at_once: whether the handler never waits, not even for another program.
        """
        self._http_app.route(method, path, handler, protected=protected, at_once=at_once)

    def log(self, text: str) -> None:
        """Writes one line to standard error, with its time."""
        line = self.write_line(text)
        with self._log_lock:
            self.log_lines.append(line)
        self.on_log(line)

    def set_state(self, state: str) -> None:
        """Changes the state and records it."""
        if state != self.state:
            self.journal.record("state", **{"from": self.state, "to": state})
            self.state = state

    # --- lifecycle ---

    def run(self) -> NoReturn:
        """Serves until a signal or a shutdown request, then exits; never returns."""
        self.handle_signals()
        self.prepare()
        if self.control is not None:
            self.control.on("arm-fault", self._arm)
            self.control.on("clear-faults", lambda order: self.clear_faults(order.get("fault")))
            self.control.on("state", lambda _: self.state)
            self.control.on("api-key", lambda order: self._take_key(order["key"]))
            self.control.start()
        self._server = self.make_server()
        self._server.start()
        self.faults.at("port", FaultContext(refuse=self._server.refuse, accept=self._server.accept))
        self.journal.record("bound", port=self.port)
        if not is_loopback(self.options.host):
            self.log(f"warning: listening on {self.options.host}, which other machines may reach{'' if self.options.api_key else ', and no key is asked for'}")
        self.log(f"{self.program} {VERSION} serves on {self.url}")
        if self.options.die_with_parent == "on":
            self._die_with_parent()
        if self.options.max_lifetime:
            self.clock.call_at(self.clock.now() + self.options.max_lifetime, lambda: self.request_shutdown("--max-lifetime"), "max-lifetime")
        self._report_ready()
        self.started()
        drained = self._await_end()
        self._server.finish(_FLUSH_LIMIT if drained else 0)
        self.log("ended")
        exit_now(0)

    def _await_end(self) -> bool:
        """Waits for shutdown and drains; returns whether the drain was completed."""
        while (reason := self.next_event()) == "SIGTERM" and self.faults.find("ignore-sigterm"):
            self.log("SIGTERM ignored")
        self.log(f"{reason}: ending")
        has_to_wait = self.stop_taking_work()
        slow = self.faults.find("slow-end")
        if not has_to_wait and slow is None:
            self.drain()
            return True

        def drain() -> None:
            try:
                if slow is not None:
                    self.clock.pause(slow.delay if slow.delay is not None else 1.0, "slow-end")
                self.drain()
            finally:
                self.request_shutdown("drained")

        self.spawn(drain, name="drain")
        signalled = reason.startswith("SIG")
        while (event := self.next_event()) != "drained":
            if event == "SIGTERM" and self.faults.find("ignore-sigterm"):
                self.log("SIGTERM ignored")
            elif event.startswith("SIG"):
                if signalled:
                    self.log(f"{event} again: ending at once")
                    self.abandon()
                    return False
                signalled = True  # the first signal, after a shutdown request
        return True

    def _take_key(self, key: str | None) -> None:
        """Asks for another key from now on, and sends it with its own requests; answers that have begun go on."""
        self.options.api_key = key
        self.set_sent_key(key)
        self.log("the API key was changed")

    def _arm(self, order: dict[str, Any]) -> None:
        self.faults.arm(FaultSpec(**order["spec"]))
        if self._server is not None:
            self.faults.at("port", FaultContext(refuse=self._server.refuse, accept=self._server.accept))

    def clear_faults(self, fault_id: str | None) -> None:
        """Clears the faults with this id; None = all."""
        self.faults.clear(fault_id)

    def make_server(self) -> Serving:
        """Creates the server on the port; a program without HTTP overrides this."""
        send_buffer = int(getattr(self.options, "send_buffer", 0))
        return HttpServer(self._http_app.app, self.listener, self.clock.activity, self._http_app.waits, send_buffer)

    def prepare(self) -> None:
        """Called before the first request is served."""

    def _report_ready(self) -> None:
        self.clock.activity.served = True
        fd = os.environ.pop(environment.READY_FD, None)
        if fd is not None:
            os.write(int(fd), json.dumps({"pid": os.getpid(), "port": self.port}).encode() + b"\n")
            os.close(int(fd))

    def _die_with_parent(self) -> None:
        parent = os.getppid()

        def check(*_: object) -> None:
            if os.getppid() != parent:
                self._events.put((_PARENT_GONE, 0))

        # Not SIGTERM: the kernel may signal once for each thread of the parent, and a second SIGTERM would end the drain.
        signal.signal(signal.SIGCONT, check)
        signal_at_parents_end(signal.SIGCONT)
        if os.getppid() != parent:
            self.request_shutdown(_PARENT_GONE)
        if portable():
            self.spawn(self._await_parents_end, parent, name="parent")

    def _await_parents_end(self, parent: int) -> None:
        import psutil

        with self.clock.activity.parked(), contextlib.suppress(psutil.Error):
            psutil.Process(parent).wait()
        self.request_shutdown(_PARENT_GONE)


def _description(service: str, version: str) -> Reply:
    from ...protocol.schema.openapi import document

    return Reply(200, compact(document(service, version)).encode())


def _inherited_listener() -> socket.socket | None:
    fd = os.environ.pop(environment.LISTEN_FD, None)
    return socket.socket(fileno=int(fd)) if fd is not None else None
