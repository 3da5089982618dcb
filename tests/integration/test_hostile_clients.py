"""Clients that do what no client should: limits hold, nothing is forged, and health answers meanwhile."""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import subprocess
import time
from contextlib import ExitStack

import psutil
import pytest
from test_programs import ask, end, program

SERVICES = {
    "fake-worker": ("--worker-id", "x", "--token-delay", "20ms"),
    "fake-hive": ("--provision", "off", "--worker-ports", "0"),
    "fake-queen": (),
    "fake-hub": (),
}
HEALTH = {"fake-queen": "/health", "fake-hub": "/health"}
IDLE = 1000
SLOW = 60
READ_LIMIT = 10.0


@pytest.fixture(params=SERVICES)
def service(request, tmp_path):
    words = SERVICES[request.param] + (("--database", str(tmp_path / "beehives.db")) if request.param == "fake-queen" else ())
    with program(request.param, "--port", "0", *words, output=subprocess.DEVNULL) as process:
        yield request.param, process


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), READ_LIMIT)


def is_well(name: str, port: int) -> bool:
    return ask(port, "GET", HEALTH.get(name, "/v1/health"))[0] == 200


def read_all(connection: socket.socket) -> bytes:
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            came += piece
    return came


def test_a_thousand_idle_connections(service):
    name, process = service
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 200:
        pytest.skip(f"{hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE + 4096), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(IDLE):
            stack.enter_context(connect(process.ready["port"]))
        assert is_well(name, process.ready["port"])
        assert psutil.Process(process.pid).num_threads() < 20, "an idle connection must not cost a thread"
    assert is_well(name, process.ready["port"])


def test_half_requests_and_slow_ones(service):
    """A header line that never ends, a body that does not come, one byte at a time."""
    name, process = service
    port = process.ready["port"]
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(port)) for _ in range(SLOW)]
        beginnings = (b"GET /v1/hea", b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{", b"GET /v1/health HTTP/1.1\r\nHost: ")
        for number, connection in enumerate(slow):
            connection.sendall(beginnings[number % 3])
        assert is_well(name, port)
        for byte in b"x" * 5:
            for connection in slow:
                connection.sendall(bytes([byte]))
        assert is_well(name, port)
        assert psutil.Process(process.pid).num_threads() < 20, "half a request must not cost a thread"
    assert is_well(name, port)


def test_pipelined_requests_are_answered_in_their_order(service):
    name, process = service
    path = HEALTH.get(name, "/v1/health").encode()
    with connect(process.ready["port"]) as connection:
        last = b"GET /nothing/here/at/all/xyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: number-%d\r\n\r\n" % (path, number) for number in range(20)) + last)
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 20
    places = [answers.index(b"X-Correlation-Id: number-%d\r\n" % number) for number in range(20)]
    assert places == sorted(places)
    assert answers.rindex(b"HTTP/1.1 404") > places[-1]


@pytest.mark.parametrize(
    "headers",
    [
        b"A: " + b"b" * 300_000 + b"\r\n",
        b"".join(b"A-%d: b\r\n" % number for number in range(20_000)),
        b"Cookie: " + b"a=b;" * 100_000 + b"\r\n",
    ],
    ids=["one long", "many", "a long cookie"],
)
def test_header_bombs_are_refused(service, headers):
    name, process = service
    port = process.ready["port"]
    before = psutil.Process(process.pid).memory_info().rss
    for _ in range(5):
        with connect(port) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n" + headers + b"Connection: close\r\n\r\n")
            answer = read_all(connection)
            assert not answer or answer.split()[1] == b"431", answer[:200]
    assert is_well(name, port)
    assert psutil.Process(process.pid).memory_info().rss - before < 8 << 20


def test_reader_that_never_reads_holds_nobody_up():
    """Its stream stands still; others go on, and its slot is free as soon as it leaves."""
    with program("fake-worker", "--port", "0", "--worker-id", "x", "--slots", "2", output=subprocess.DEVNULL) as process:
        port = process.ready["port"]
        with connect(port) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            body = json.dumps({"prompt": "x", "max_tokens": 2048}).encode()
            deaf.sendall(b"POST /v1/inference HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            status, text = ask(port, "POST", "/v1/inference", '{"prompt":"x","max_tokens":50}')
            assert (status, text.count("data: ")) == (200, 51)
            assert is_well("fake-worker", port)
        deadline = time.monotonic() + READ_LIMIT
        while json.loads(ask(port, "GET", "/v1/status")[1])["slots_available"] < 2 and time.monotonic() < deadline:
            select.select([], [], [], 0.02)
        assert json.loads(ask(port, "GET", "/v1/status")[1])["slots_available"] == 2


CLIMBS = ["hf:../../etc/passwd", "file:///../../etc/passwd", "hf:a/../../b", "hf:/etc/passwd", "hf:a/b/../c", "hf:..%2f..%2fetc", "hf:a\0b/c", "hf:~/x"]


@pytest.mark.parametrize("reference", CLIMBS)
def test_model_references_do_not_climb(tmp_path, reference):
    """Neither a download nor a spawn leaves the folder of the models."""
    models = tmp_path / "a" / "models"
    words = ("--provision", "on", "--models-dir", str(models), "--models-db", str(tmp_path / "a" / "models.db"), "--hub-url", "http://127.0.0.1:9")
    with program("fake-hive", "--port", "0", *words, output=subprocess.DEVNULL) as hive:
        port = hive.ready["port"]
        for path, body in (("/v1/models/download", {"model_ref": reference}), ("/v1/workers/spawn", {"model_ref": reference})):
            status, text = ask(port, "POST", path, json.dumps(body))
            assert status in (400, 404, 500), text
            assert json.loads(text)["error"]["code"] in ("INVALID_REQUEST", "MODEL_NOT_FOUND", "DOWNLOAD_FAILED"), text
        assert json.loads(ask(port, "GET", "/v1/workers/list")[1]) == {"workers": []}
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path / "a"]
    assert outside == []


@pytest.mark.parametrize("worker_id", ["../../x", "a/b", "", ".", "a b", "x" * 65, "x\n", "-\u00e9"])
def test_worker_ids_are_names_and_nothing_else(tmp_path, worker_id):
    with program("fake-hive", "--port", "0", "--provision", "off", "--worker-ports", "0", output=subprocess.DEVNULL) as hive:
        status, text = ask(hive.ready["port"], "POST", "/v1/workers/spawn", json.dumps({"worker_id": worker_id}))
        assert status == 400, text
        assert json.loads(text)["error"]["details"]["errors"][0]["field"] == "worker_id"
    with program("fake-queen", "--port", "0", "--database", str(tmp_path / "beehives.db"), output=subprocess.DEVNULL) as queen:
        assert ask(queen.ready["port"], "DELETE", "/v2/tasks/..%2f..%2fx")[0] in (204, 404)


EVIL = "x\r\n2026-01-01T00:00:00.000Z forged line\x1b[31m\x07\u2028\u202e"


def test_no_field_forges_a_line_of_a_log(tmp_path):
    """Every text that somebody sends and that is logged: bodies, query, headers, paths."""
    with program("fake-queen", "--port", "0", "--database", str(tmp_path / "beehives.db"), env={"MOCK_SSH": "1"}) as queen:
        port = queen.ready["port"]
        row = {"worker_id": EVIL, "url": "http://127.0.0.1:9", "model_ref": EVIL, "backend": EVIL, "device": 0, "node_name": EVIL}
        assert ask(port, "POST", "/v2/workers/register", json.dumps(row))[0] == 200
        assert ask(port, "POST", "/v2/workers/shutdown", json.dumps({"worker_id": EVIL}))[0] == 502
        assert ask(port, "POST", "/v2/workers/removed", json.dumps({"worker_id": EVIL, "reason": EVIL}))[0] == 200
        assert ask(port, "POST", "/v2/tasks", json.dumps({"node": EVIL, "model": "mock-model", "prompt": EVIL, "request_id": "r"}))[0] == 404
        node = {"node_name": EVIL, "ssh_host": "unreachable", "ssh_user": "u", "git_repo_url": EVIL, "install_path": EVIL}
        assert ask(port, "POST", "/v2/registry/beehives/add", json.dumps(node))[0] == 400
        with connect(port) as connection:
            connection.sendall(
                b"GET /health?x=\x1b[31m%0a HTTP/1.1\r\nHost: x\r\nUser-Agent: a\x1b[31mb\r\nX-Correlation-ID: \x1b[0m\r\nConnection: close\r\n\r\n"
            )
            read_all(connection)
        _, errors = end(queen)
    assert_clean(errors)


def test_no_field_forges_a_line_of_a_hives_log():
    with program("fake-hive", "--port", "0", "--provision", "off", "--worker-ports", "0") as hive:
        port = hive.ready["port"]
        for body in ({"binary": EVIL}, {"backend": EVIL}, {"model_ref": EVIL}, {"model_path": EVIL}, {"worker_id": EVIL}):
            ask(port, "POST", "/v1/workers/spawn", json.dumps(body))
        ask(port, "POST", "/v1/workers/ready", json.dumps({"worker_id": EVIL}))
        ask(port, "POST", "/v1/heartbeat", json.dumps({"worker_id": EVIL, "timestamp": EVIL}))
        log = ask(port, "GET", "/v1/logs")[1]
        _, errors = end(hive)
    assert_clean(log)
    assert_clean(errors)


def assert_clean(text: str) -> None:
    assert text
    for line in text.splitlines():
        assert not line.startswith("2026-01-01T00:00:00.000Z"), line
    assert [char for char in text if char in "\x1b\x07\r\u2028\u202e"] == []
