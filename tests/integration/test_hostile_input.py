"""Whatever is sent, the answer is the envelope with a status of the contract, and the program lives on."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_programs import ask, end, program

NAMES = [
    "prompt",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "stream",
    "request_id",
    "job_id",
    "worker_id",
    "url",
    "uri",
    "model_ref",
    "state",
    "backend",
    "device",
    "slots_total",
    "slots_available",
    "node",
    "node_name",
    "port",
    "binary",
    "slots",
    "model_path",
    "model",
    "reason",
    "pid",
    "exit_code",
    "timestamp",
    "health_status",
    "direct",
]  # noqa: SIM905
ROUTES = {
    "fake-worker": ["/v1/inference"],
    "fake-hive": ["/v1/workers/spawn", "/v1/workers/ready", "/v1/heartbeat", "/v1/models/download"],
    "fake-queen": [
        "/v2/workers/ready",
        "/v2/workers/register",
        "/v1/workers/register",
        "/v1/workers/x/heartbeat",
        "/v2/workers/removed",
        "/v2/workers/shutdown",
        "/v2/tasks",
    ],  # fmt: skip
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["idle", "hf:a/b", "cpu", "", "x" * 600]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=3)), max_leaves=6)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8).map(lambda body: json.dumps(body).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
)
STATUSES = {200, 201, 400, 404, 409, 502, 503}
QUIET = settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=["fake-worker", "fake-hive", "fake-queen"])
def target(request):
    words = (
        ["--worker-id", "x"]
        if request.param == "fake-worker"
        else ["--worker-ports", "0", "--worker-binary", "/bin/false"]
        if request.param == "fake-hive"
        else []
    )
    with program(request.param, "--port", "0", *words) as process:
        yield request.param, process


def post(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


def test_random_bodies_get_an_answer_of_the_contract(target):
    name, process = target
    port = process.ready["port"]

    @QUIET
    @given(route=st.sampled_from(ROUTES[name]), body=BODIES)
    def try_one(route, body):
        status, text = post(port, route, body)
        # /bin/false as worker binary: a spawn that gets through crashes, other binaries are not there, and neither is a hub
        told = status == 500 and json.loads(text)["error"]["code"] in ("WORKER_CRASHED", "WORKER_BINARY_NOT_FOUND", "DOWNLOAD_FAILED")
        assert status in STATUSES or told, (route, body, status, text)
        if status >= 400:
            error = json.loads(text)["error"]
            assert error["code"] and error["message"]

    try_one()
    assert process.poll() is None
    assert ask(port, "GET", "/v1/health")[0] == 200


RAW = {
    "no HTTP at all": b"hello\r\n\r\n",
    "a line of zero bytes": b"\0" * 2000 + b"\r\n\r\n",
    "a header without a colon": b"GET /v1/health HTTP/1.1\r\nnonsense\r\n\r\n",
    "a negative length": b"POST /v1/health HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"POST /v1/health HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    "headers without end": b"GET /v1/health HTTP/1.1\r\n" + b"A: " + b"b" * 300000,
    "a path that climbs": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a path with line ends": b"GET /v1/%0d%0aevil HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "bytes that are no UTF-8": b"GET /v1/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("what", RAW)
def test_broken_http_gets_a_client_error_in_the_envelope(target, what):
    _, process = target
    port = process.ready["port"]
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(RAW[what])
        connection.settimeout(10)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass  # the server closed while bytes were still under way to it
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert 400 <= int(head.split()[1]) < 500, answer
        assert json.loads(body)["error"]["code"], answer
    assert ask(port, "GET", "/v1/health")[0] == 200


def test_line_ends_in_a_path_do_not_make_log_lines():
    with program("fake-hive", "--port", "0") as hive:
        assert ask(hive.ready["port"], "GET", "/v1/%0a2026-01-01T00:00:00Z%20worker%20forged%0d%1b[31m")[0] == 404
        _, errors = end(hive)
        assert not any(line.startswith("2026-01-01") for line in errors.splitlines())
        assert "\x1b" not in errors


@pytest.mark.parametrize("name", ["X-Correlation-ID", "User-Agent", "Authorization", "Content-Type", "X-Request-Id"])
def test_header_that_is_no_utf8_is_answered_and_recorded(target, name):
    port = target[1].ready["port"]
    request = f"GET /health HTTP/1.1\r\nHost: x\r\n{name}: V".encode() + b"\xe4xel\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def test_body_that_is_no_json_is_recorded_whole(tmp_path):
    journal = tmp_path / "w.jsonl"
    with program("fake-worker", "--port", "0", "--worker-id", "w", "--api-key", "k", "--journal", str(journal)) as worker:
        port = worker.ready["port"]
        key = {"Authorization": "Bearer k"}
        for headers, body, status in ((key, "{not json", 400), (key, "[1]", 400), ({}, '{"prompt":"x"}', 401), (key, json.dumps({"prompt": "x"}), 200)):
            assert ask(port, "POST", "/v1/inference", body, headers=headers)[0] == status
        assert ask(port, "POST", "/v1/inference", '{"prompt":"x"}'.encode("utf-16").decode("latin-1"), headers=key)[0] == 400
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    bodies = [record["body"] for record in records if record["record"] == "request_in"]
    assert bodies[:4] == ["{not json", "[1]", '{"prompt":"x"}', {"prompt": "x"}]
