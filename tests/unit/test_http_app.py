"""Forms that a fake takes, and methods that it does not allow."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.http_app import HttpApp, Reply
from RbeeLibrary.fakes.runtime.http_server import CHANNEL
from RbeeLibrary.faults.base import FaultSet
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import HubOptions


@pytest.fixture
def hub():
    """A hub without a socket and without routes."""
    clock = Clock(None)
    journal = Journal(None, "fake-hub", clock)
    options = parse(HubOptions, "fake-hub", ["--port", "0"], {})
    return HttpApp(options, clock, journal, FaultSet(KINDS, "hub", clock, journal), lambda line: None, "hub")


def asked(app, method, path, body=b""):
    """Status, headers and body of the answer."""
    channel, begun = SimpleNamespace(is_at_once=False, when_gone=lambda _: None, forget=lambda _: None, reset=lambda: None), []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "localhost", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(body)}
    answer = b"".join(app.app({**environ, CHANNEL: channel}, lambda status, headers, *_: begun.extend((status, dict(headers)))))
    return (*begun, answer)


def test_form_is_read_with_all_values_of_a_field(hub):
    forms = []
    hub.route("POST", "/api/models/{org}/{repo}/paths-info/{revision}", lambda request, **_: (forms.append(request.body), Reply(200, b"[]"))[1])
    status, _, answer = asked(hub, "POST", "/api/models/org/repo/paths-info/main", b"paths=a.gguf&paths=b%20c.gguf&expand=True")
    assert (status, answer) == ("200 OK", b"[]")
    assert forms == [{"paths": ["a.gguf", "b c.gguf"], "expand": ["True"]}]


def test_other_method_is_refused_with_those_that_are_allowed(hub):
    hub.route("GET", "/health", lambda request: {"status": "ok", "version": "1"})
    status, headers, answer = asked(hub, "PUT", "/health")
    assert status == "405 Method Not Allowed"
    assert headers["Allow"] == "GET,HEAD"
    assert b'"METHOD_NOT_ALLOWED"' in answer
