"""Which requests are served by the thread of the sockets: those whose handlers never wait, while no fault is armed."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.hive import Hive
from RbeeLibrary.fakes.hub.hub import Hub
from RbeeLibrary.fakes.queen.queen import Queen
from RbeeLibrary.fakes.runtime import http_server
from RbeeLibrary.fakes.runtime.http_app import HttpApp
from RbeeLibrary.fakes.runtime.http_server import HttpServer, WaitressChannel
from RbeeLibrary.fakes.worker.worker import Worker
from RbeeLibrary.faults.base import FaultSet, FaultSpec
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.net.http_client import correlation
from RbeeLibrary.protocol.options import parse
from RbeeLibrary.protocol.program_options import HiveOptions, HubOptions, QueenOptions, WorkerOptions
from RbeeLibrary.run.tcp_ports import listen

SOCKETS = "http"
"""Name of the thread of the sockets."""


@pytest.fixture(params=[0])
def worker(request):
    """A worker whose health never waits and whose answer about readiness may; `threads` are those that have answered."""
    options = parse(WorkerOptions, "fake-worker", ["--port", "0", "--worker-id", "w"], {})
    clock = Clock(None)
    journal = Journal(None, "fake-worker", clock)
    faults, threads = FaultSet(KINDS, "w", clock, journal), []

    def health(request):
        threads.append(threading.current_thread().name)
        return {"status": "healthy", "state": "idle"}

    app = HttpApp(options, clock, journal, faults, lambda line: None, "worker")
    app.route("GET", "/v1/health", health, at_once=True)
    app.route("GET", "/v1/ready", lambda request: {**health(request), "ready": True})
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = HttpServer(app.app, listener, clock.activity, app.waits, request.param)
    server.start()
    yield SimpleNamespace(port=port, faults=faults, threads=threads, server=server, activity=clock.activity)
    server.finish(0)


def ask(port: int, path: str) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"X-Correlation-ID": "abc"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_handler_that_never_waits_needs_no_other_thread(worker):
    for path in ("/v1/health", "/health", "/v1/ready"):
        assert ask(worker.port, path)["status"] == "healthy"
    assert [name == SOCKETS for name in worker.threads] == [True, True, False]


def test_whole_answer_leaves_in_one_piece(worker, monkeypatch):
    pieces, write = [], WaitressChannel.write_soon
    monkeypatch.setattr(WaitressChannel, "write_soon", lambda channel, data: (pieces.append(data), write(channel, data)))
    ask(worker.port, "/v1/health")
    assert [(piece.startswith(b"HTTP/1.1 200 OK"), piece.endswith(b'"}')) for piece in pieces] == [(True, True)]


@pytest.mark.parametrize(
    ("kind", "options", "words", "paths"),
    [
        (Queen, QueenOptions, ["--database", "beehives.db"], {"/v1/health", "/health", "/v2/workers/list"}),
        (Hive, HiveOptions, ["--provision", "off"], {"/v1/health", "/health"}),
        (Worker, WorkerOptions, ["--worker-id", "w"], {"/v1/health", "/health", "/v1/ready", "/v1/status"}),
        (Hub, HubOptions, [], {"/health"}),
    ],
)
def test_answers_of_the_fakes_that_never_wait(tmp_path, monkeypatch, kind, options, words, paths):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RBEE_NAME", "w")
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = kind(parse(options, "fake", ["--port", "0", *words], {}), listener)._http_app
    assert {route.rule for route in app.app.routes if route.method == "GET" and not app.waits("GET", route.rule)} == paths


def test_armed_fault_may_make_every_answer_late(worker):
    worker.faults.arm(FaultSpec("delay", path="/v1/ready", delay=5.0))
    ask(worker.port, "/v1/health")
    worker.faults.clear()
    ask(worker.port, "/v1/health")
    assert [name == SOCKETS for name in worker.threads] == [False, True]


def test_fault_that_is_armed_while_a_request_is_read_is_for_the_next_one(worker, monkeypatch):
    """Its delay would stop all connections."""
    took = type(worker.faults).is_any_armed.fget

    def armed_too_late(faults):
        known = took(faults)
        if not known:
            faults.arm(FaultSpec("delay", path="/v1/health", delay=60.0))
        return known

    monkeypatch.setattr(type(worker.faults), "is_any_armed", property(armed_too_late))
    assert ask(worker.port, "/v1/health")["status"] == "healthy"
    assert worker.threads == [SOCKETS]


@pytest.mark.parametrize("worker", [4096], indirect=True)
def test_small_send_buffer_may_make_every_answer_wait_for_its_client(worker):
    ask(worker.port, "/v1/health")
    assert worker.threads != [SOCKETS]


def test_correlation_id_of_a_request_ends_with_it(worker):
    ask(worker.port, "/v1/health")
    seen = []
    worker.server._in_loop(lambda: seen.append((correlation.get(), worker.activity.at_work)))
    assert seen == [(None, 1)], "the test itself is at work"


def test_requests_in_one_piece_are_all_answered(worker):
    with socket.create_connection(("127.0.0.1", worker.port), 10) as connection:
        one = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(one * 5 + one.replace(b"Host", b"Connection: close\r\nHost"))
        came = b""
        while piece := connection.recv(65536):
            came += piece
    assert came.count(b"HTTP/1.1 200 OK") == 6
    assert worker.threads == [SOCKETS] * 6


def test_request_behind_one_that_waits_is_not_left_to_the_thread_of_the_sockets(worker):
    """That thread may have read it long ago, and would never look at it again."""
    with socket.create_connection(("127.0.0.1", worker.port), 10) as connection:
        one = b"GET /v1/ready HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(one + one.replace(b"ready", b"health").replace(b"Host", b"Connection: close\r\nHost"))
        came = b""
        while piece := connection.recv(65536):
            came += piece
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert SOCKETS not in worker.threads


def test_order_to_a_server_that_has_ended_does_not_wait_for_ever(worker, monkeypatch):
    monkeypatch.setattr(http_server, "_LOOP_LIMIT", 0.01)
    worker.server.finish(0)
    order = threading.Thread(target=worker.server.refuse, daemon=True)
    order.start()
    order.join(10)
    assert not order.is_alive()
