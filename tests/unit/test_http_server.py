"""Requests to a fake's server, over real sockets, with an application of a few lines."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest

from RbeeLibrary.clock.activity import Activity
from RbeeLibrary.fakes.runtime.http_server import HttpServer
from RbeeLibrary.run.tcp_ports import listen

LIMIT = 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel has no filter of sockets")
def test_no_connection_is_made_between_the_last_accept_and_the_close(monkeypatch):
    """Such a connection would be reset: the client's request would be lost."""
    listener = listen("127.0.0.1", 0)
    address, came = listener.getsockname(), []
    accept_waiting = HttpServer._accept_waiting

    def and_one_comes(server: HttpServer) -> None:
        accept_waiting(server)
        with contextlib.suppress(TimeoutError), socket.create_connection(address, 0.2):
            came.append("a connection")

    monkeypatch.setattr(HttpServer, "_accept_waiting", and_one_comes)
    server = HttpServer(lambda environ, start_response: [], listener, Activity(), lambda method, path: True)
    server.start()
    server.finish(1)
    server.close()
    assert came == []


def test_request_is_a_job_with_a_name_before_its_handler_is_known():
    activity, seen = Activity(), []

    def application(environ, start_response):
        seen.extend(activity.working())
        start_response("204 No Content", [])
        return []

    listener = listen("127.0.0.1", 0)
    address = listener.getsockname()
    server = HttpServer(application, listener, activity, lambda method, path: True)
    server.start()
    with socket.create_connection(address, LIMIT) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 204 ")
    server.finish(0)
    server.close()
    assert "request" in seen
