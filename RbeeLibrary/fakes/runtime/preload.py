"""What is done ahead of a start: the nursery builds the command line parsers once, and its spares rehearse a first request."""

from __future__ import annotations

import contextvars
import io
import os
from types import SimpleNamespace

from ...clock.clock import Clock
from ...faults.base import FaultSet
from ...faults.registry import KINDS
from ...journal.writer import Journal
from ...protocol.options import parse, parser_of
from ...protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions
from .http_app import HttpApp
from .http_server import CHANNEL

_DAEMON = ("daemon",)

for _options, _program, _words in (
    (QueenOptions, "fake-queen", _DAEMON),
    (HiveOptions, "fake-hive", _DAEMON),
    (WorkerOptions, "fake-worker", ()),
    (HubOptions, "fake-hub", ()),
    (RelayOptions, "fake-relay", ()),
):
    parser_of(_options, _program, _words, "")


def rehearse() -> None:
    """Answers a request as a worker does, without a socket, and leaves nothing behind: no file, no record, no correlation id."""
    contextvars.copy_context().run(_answer_once)


def _answer_once() -> None:
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "rehearsal"], {})
    clock = Clock(None)
    journal = Journal(os.devnull, "fake-worker", clock)
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "rehearsal", clock, journal), _ignore, "worker")
    app.route("GET", "/v1/health", lambda request: {"status": "healthy", "state": "idle"})
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/health",
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        CHANNEL: SimpleNamespace(is_at_once=True, when_gone=_ignore, forget=_ignore, reset=_ignore),
    }
    b"".join(app.app(environ, _ignore))
    journal.close()


def _ignore(*_: object) -> None:
    """What a rehearsal does with a log line, the head of its answer, and a listener."""
