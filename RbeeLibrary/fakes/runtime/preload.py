"""What is done ahead of a start: the nursery builds the command line parsers once, and its spares rehearse a first answer."""

from __future__ import annotations

import os
import socket

from ...clock.clock import Clock
from ...faults.base import FaultSet
from ...faults.registry import KINDS
from ...journal.writer import Journal
from ...protocol.options import parse, parser_of
from ...protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from ...protocol.schema.routes import SERVICES
from ...run.tcp_ports import listen
from .http_app import HttpApp
from .http_server import HttpServer

_DAEMON = ("daemon",)
_REQUEST = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_LIMIT = 1.0
_PIECE = 65536

for _options, _program, _words in (
    (QueenOptions, "fake-queen", _DAEMON),
    (HiveOptions, "fake-hive", _DAEMON),
    (WorkerOptions, "fake-worker", ()),
    (HubOptions, "fake-hub", ()),
    (RelayOptions, "fake-relay", ()),
):
    parser_of(_options, _program, _words, "")


def rehearse() -> None:
    """Starts a server as a worker does, asks it once, and ends it. Leaves nothing behind: no file, no record, no socket, no thread."""
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "rehearsal"], {})
    clock = Clock(None)
    journal = Journal(os.devnull, "fake-worker", clock)
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "rehearsal", clock, journal), _log, "worker")
    for route in SERVICES["worker"]:
        app.route(route.method, route.path, lambda request: {"status": "healthy", "state": "idle"})
    listener = listen(options.host, 0)
    address = listener.getsockname()
    server = HttpServer(app.app, listener, clock.activity, app.waits)
    server.start()
    try:
        with socket.create_connection(address, _LIMIT) as client:
            client.sendall(_REQUEST)
            while client.recv(_PIECE):
                continue
    finally:
        server.finish(0)
        server.close()
        journal.close()


def _log(line: str) -> None:
    """Takes a line of the access log, which nobody reads."""
