"""What a fake records of a request, whatever its client sends."""

from __future__ import annotations

import contextvars
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.fakes.runtime.http_server import CHANNEL
from RbeeLibrary.faults.base import FaultSet
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import WorkerOptions


@pytest.fixture
def recorded(tmp_path):
    """Sends a request to a worker that asks for a key, and has no socket; returns what is recorded of it."""
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w", "--api-key", "secret"], {})
    clock, file = Clock(None), tmp_path / "journal.jsonl"
    journal = Journal(str(file), "fake-worker", clock)
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "w", clock, journal), lambda line: None, "worker")
    for method, path in (("GET", "/v1/status"), ("POST", "/v1/inference")):
        app.route(method, path, lambda request: {})

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
        channel = SimpleNamespace(is_at_once=False, when_gone=lambda _: None, forget=lambda _: None, reset=lambda: None)
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "x", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(body)}
        contextvars.copy_context().run(app.app, {**environ, CHANNEL: channel, **headers}, lambda *_: None)
        return next(json.loads(line) for line in file.read_text().splitlines() if '"record":"request_in"' in line)

    yield ask
    journal.close()


def test_request_without_a_body_has_an_empty_one_though_it_is_refused(recorded):
    assert recorded("GET", "/v1/status")["body"] == {}


def test_body_of_a_request_that_is_refused_unread_is_its_text(recorded):
    assert recorded("POST", "/v1/inference", b'{"prompt":"x"}')["body"] == '{"prompt":"x"}'


@pytest.mark.parametrize(("sent", "seen"), [(b"zoe", "zoe"), ("zoë".encode(), "zoë"), (b"zo\xeb", "zoë")], ids=["ascii", "utf-8", "latin-1"])
def test_header_is_utf_8_or_else_latin_1(recorded, sent, seen):
    assert recorded("GET", "/v1/status", HTTP_X_NAME=sent.decode("latin-1"))["headers"]["X-Name"] == seen
