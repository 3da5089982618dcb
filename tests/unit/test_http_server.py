"""Requests to a fake's server, over real sockets, with an application of a few lines."""

from __future__ import annotations

import socket

from RbeeLibrary.clock.activity import Activity
from RbeeLibrary.fakes.runtime.http_server import HttpServer
from RbeeLibrary.run.tcp_ports import listen

LIMIT = 5.0


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
