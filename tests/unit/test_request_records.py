"""What the journal says about requests that no handler gets."""

from __future__ import annotations

import io
import json

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.faults.base import FaultSet
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import WorkerOptions


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/v1/nothing", 404, "NOT_FOUND"), ("POST", "/v1/health", 405, "METHOD_NOT_ALLOWED")],
)
def test_request_that_no_handler_gets_is_recorded_with_its_answer(tmp_path, method, path, status, code):
    clock, file = Clock(None), tmp_path / "journal.jsonl"
    journal, log = Journal(str(file), "fake-worker", clock), []
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w"], {})
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "w", clock, journal), log.append, "worker")
    app.route("GET", "/v1/health", lambda request: {"status": "healthy", "state": "idle"})
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_X_CORRELATION_ID": "abc", "wsgi.input": io.BytesIO()}
    answer = json.loads(b"".join(app.app(environ, lambda *_: None)))
    journal.close()
    came, answered, ended = (json.loads(line) for line in file.read_text().splitlines())
    assert answer["error"]["code"] == code
    assert (came["record"], came["method"], came["path"], came["correlation_id"]) == ("request_in", method, path, "abc")
    assert (answered["record"], answered["status"], answered["code"]) == ("answered", status, code)
    assert (ended["record"], ended["n"]) == ("request_end", came["n"])
    assert log == [f"{method} {path} {status}"]
