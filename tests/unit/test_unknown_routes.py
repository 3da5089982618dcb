"""Answers to requests that no route of a program takes."""

from __future__ import annotations

import contextvars
import io
import json
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.fakes.runtime.http_server import CHANNEL
from RbeeLibrary.faults.base import FaultSet
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import WorkerOptions


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/v1/status", 405)])
def test_refusal_is_an_error_in_json_with_a_correlation_id(method, path, status):
    clock = Clock(None)
    journal = Journal(None, "fake-worker", clock)
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w"], {})
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "w", clock, journal), lambda line: None, "worker")
    app.route("GET", "/v1/status", lambda request: {})
    channel = SimpleNamespace(is_at_once=False, when_gone=lambda _: None, forget=lambda _: None, reset=lambda: None)
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "x", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(), CHANNEL: channel}
    begun: list[tuple[str, dict[str, str]]] = []
    body = contextvars.copy_context().run(app.app, environ, lambda status, headers, *_: begun.append((status, dict(headers))))
    ((line, headers),) = begun
    assert line.startswith(str(status))
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Correlation-Id"]
    assert json.loads(b"".join(body))["error"]["code"] == {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[status]
