"""Errors of a fake that nobody intended: it says that they are its own, what they are and where."""

from __future__ import annotations

import contextvars
import io
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.errors import with_place
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.fakes.runtime.http_server import CHANNEL
from RbeeLibrary.faults.base import FaultSet
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import WorkerOptions
from RbeeLibrary.protocol.sse import event

KEEPER = """
import sys
from RbeeLibrary.fakes.keeper import main
from RbeeLibrary.fakes.keeper.queen_commands import QueenCommand
QueenCommand.run = lambda self: {}["no such key"]
sys.exit(main(["workers", "list"]))
"""


@pytest.fixture
def app(tmp_path):
    """A worker without a socket, and what it has recorded."""
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w"], {})
    clock, file = Clock(None), tmp_path / "journal.jsonl"
    journal = Journal(str(file), "fake-worker", clock)
    app = HttpApp(options, clock, journal, FaultSet(KINDS, "w", clock, journal), lambda line: None, "worker")
    yield app, lambda: [record for line in file.read_text().splitlines() if (record := json.loads(line))["record"] == "off_contract"]
    journal.close()


def asked(app, path, channel=None):
    ignore = channel or SimpleNamespace(is_at_once=False, when_gone=lambda _: None, forget=lambda _: None, reset=lambda: None)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "localhost", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(), CHANNEL: ignore}
    return contextvars.copy_context().run(app.app, environ, lambda *_: None)  # the correlation id of the request ends with it


def test_error_in_the_middle_of_a_stream_is_recorded(app):
    app, off_contract = app

    def progress(request):
        def events():
            yield event({"stage": "loading_to_vram", "layers_loaded": 1, "layers_total": 2, "vram_mb": 1})
            yield Clock(None).no_such_thing

        return request.stream.carries(events())

    app.route("GET", "/v1/loading/progress", progress)
    body = iter(asked(app, "/v1/loading/progress"))
    assert b"layers_loaded" in next(body)
    with pytest.raises(AttributeError):
        next(body)
    (record,) = off_contract()
    assert record["problem"].startswith("the program met an error of its own, see its output: AttributeError")
    assert (record["method"], record["path"]) == ("GET", "/v1/loading/progress")


def test_keeper_says_it_in_its_last_line():
    done = subprocess.run([sys.executable, "-c", KEEPER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("rbee-keeper: the program met an error of its own: KeyError in ")


def test_callers_are_named_and_values_are_not_quoted(tmp_path):
    with pytest.raises(AttributeError) as caught:
        Journal(str(tmp_path / "journal"), "fake-worker", None).record("bound")
    places = r"journal/writer\.py, line \d+, called by journal/writer\.py, line \d+"
    assert re.fullmatch(rf"AttributeError in {places}: 'NoneType' object has no attribute 'now'", with_place(caught.value))
    with pytest.raises(OSError, match="secret") as missing:
        Journal("/no folder/secret", "fake-worker", Clock(None))
    assert "secret" not in with_place(missing.value)
    assert "secret" in with_place(missing.value, quotes=True)


def test_answered_request_leaves_no_listener_at_its_connection(app):
    """The connection may stay open for hundreds of further requests."""
    app, _ = app
    app.route("GET", "/v1/health", lambda request: {"status": "healthy", "state": "idle"})
    waiting = []
    channel = SimpleNamespace(is_at_once=False, when_gone=waiting.append, forget=waiting.remove, reset=lambda: None)
    assert b"healthy" in b"".join(asked(app, "/v1/health", channel))
    assert waiting == []


def test_half_of_a_character_in_an_answer_is_replaced(app):
    app, _ = app
    app.route("GET", "/v1/health", lambda request: {"status": "healthy", "state": "idle", "note": "a\ud800b"})
    assert b'"note":"a?b"' in b"".join(asked(app, "/v1/health"))
