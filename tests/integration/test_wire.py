"""What real servers and clients send that the fakes and the library have to read: interim answers, deep JSON, TLS, HEAD, large bodies."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import sqlite3
import ssl
import threading

import pytest
from running import robot
from test_programs import ask, program

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.protocol.json_text import MOST_NESTED, read_json
from RbeeLibrary.run.tcp_ports import can_bind
from RbeeLibrary.session.inference.inference_client import Inference
from RbeeLibrary.session.types import Daemon, InferenceState

SERVICES = {"fake-worker": ("--worker-id", "w"), "fake-hive": ("--provision", "off"), "fake-queen": ("--database", "DB"), "fake-hub": ()}
DEEP = 100_000
LIMIT = 10.0
ON_AN_ADDRESS = """*** Settings ***
Library    RbeeLibrary

*** Test Cases ***
All Programs
    Start Model Hub    host=${HOST}
    Start Queen    host=${HOST}
    Start Hive    host=${HOST}
    Start Worker    worker-1
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Worker Count    queen    ==    ${1}
    ${result} =    Run Keeper    workers    list
    Should Contain    ${result.stdout}    worker-1
    Restart    hive
    ${answer} =    Submit Inference    hello    model=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
"""
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def answering(data: bytes):
    """A server that answers its one request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # closing a connection with unread bytes would reset it
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(LIMIT)


def inference(port: int) -> Inference:
    body = {"request_id": "r", "prompt": "hello", "max_tokens": 1}
    started = Inference(HttpClient(Clock(), "test"), Daemon("w", "worker", f"http://127.0.0.1:{port}", port, 0), "/v1/inference", "/x", body, None, LIMIT)
    started.start()
    return started


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_event_nested_100_000_deep_is_an_event_that_says_nothing(opening):
    event = b'data: {"type":"token","t":"a","i":0}\n\ndata: ' + opening.encode() * DEEP + b"\n\ndata: [DONE]\n\n"
    with answering(EVENTS + event) as port:
        one = inference(port)
        assert one.await_end(LIMIT)
    assert (one.state, one.text) == (InferenceState.done, "a")


def test_deep_json_is_refused_before_code_that_walks_through_it_fails():
    for depth in (MOST_NESTED + 1, 900, DEEP):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            with pytest.raises(ValueError, match="nested deeper"):
                read_json(opening * depth + "1" + closing * depth)
    assert read_json("[" * MOST_NESTED + "]" * MOST_NESTED)
    assert read_json(json.dumps(["[{" * 900]))


@pytest.mark.parametrize("interim", [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_interim_answers_are_not_the_answer(interim):
    with answering(interim * 2 + EVENTS + b'data: {"type":"token","t":"a","i":0}\n\ndata: [DONE]\n\n') as port:
        one = inference(port)
        assert one.await_end(LIMIT)
    assert (one.status, one.state, one.text) == (200, InferenceState.done, "a")


@pytest.fixture(params=SERVICES)
def port(request, tmp_path):
    words = [str(tmp_path / "beehives.db") if word == "DB" else word for word in SERVICES[request.param]]
    with program(request.param, "--port", "0", *words) as process:
        yield process.ready["port"]


def test_tls_gets_an_answer_at_once(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), LIMIT) as plain, pytest.raises(ssl.SSLError, match="(?i)wrong.version"):
        context.wrap_socket(plain)


def test_request_without_host(port):
    for version, status in ((b"1.1", b"400"), (b"1.0", b"200")):
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            connection.sendall(b"GET /openapi.json HTTP/%s\r\nConnection: close\r\n\r\n" % version)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))  # noqa: B023
        assert answer.split()[1] == status, answer[:300]


def test_body_of_40_mb_is_refused_with_413(port):
    for path in ("/v1/inference", "/v1/workers/spawn", "/v2/tasks", "/api/models/a/b/paths-info/main"):
        status, text = ask(port, "POST", path, "x" * (40 << 20))
        assert status in (404, 405, 413), text
        assert json.loads(text)["error"]["message"]
        if status == 413:
            return
    pytest.fail("no route took a body")


def test_head_of_a_stream_has_no_body():
    with program("fake-worker", "--port", "0", "--worker-id", "w", "--load-time", "1h") as worker:
        connection = http.client.HTTPConnection("127.0.0.1", worker.ready["port"], timeout=LIMIT)
        for _ in range(2):  # the second one would read what is left of the first
            connection.request("HEAD", "/v1/loading/progress")
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Content-Type"), answer.getheader("Transfer-Encoding")) == (200, "text/event-stream", None)
            assert answer.read() == b""
        connection.close()


@pytest.mark.parametrize("what", ["remove", "add", "list", "install"])
def test_locked_registry_is_a_reason_in_the_usual_shape(tmp_path, what):
    """Another program holds the file longer than the queen waits for it."""
    path = tmp_path / "beehives.db"
    with program("fake-queen", "--port", "0", "--database", str(path), env={"MOCK_SSH": "1"}) as queen:
        node = {"node_name": "ws", "ssh_host": "h", "ssh_user": "u", "git_repo_url": "g", "install_path": "/i"}
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            body = None if what == "list" else json.dumps(node)
            status, text = ask(queen.ready["port"], "GET" if body is None else "POST", f"/v2/registry/beehives/{what}", body)
        answer = json.loads(text)
        assert (status, answer["error"]["code"]) == (500, "INTERNAL"), text
        assert re.fullmatch(r"the node registry cannot be (read|written): database is locked", answer["error"]["message"])
        shape = {"add": {"success", "message", "node_name"}, "remove": {"success", "message"}, "list": {"nodes"}, "install": set()}
        assert set(answer) == {"error"} | shape[what]


def test_worker_without_status_route_has_the_slots_of_its_state():
    """A real worker of the origin's time has no `/v1/status`; its state comes from `/v1/ready`."""
    words = "--token-delay 1h --fault status:status=404,path=/v1/status"
    options = ("--port", "0", "--provision", "off", "--worker-ports", "0", "--list-probe-timeout", "10s")
    with program("fake-hive", *options, env={"RBEE_WORKER_ARGS": words}) as hive:
        port = hive.ready["port"]
        status, text = ask(port, "POST", "/v1/workers/spawn", json.dumps({"model_ref": "mock-model", "backend": "cpu", "device": 0}))
        assert status == 200, text
        worker = http.client.HTTPConnection(json.loads(text)["url"].removeprefix("http://"), timeout=LIMIT)
        worker.request("POST", "/v1/inference", json.dumps({"prompt": "x"}))
        answer = worker.getresponse()
        row = json.loads(ask(port, "GET", "/v1/workers/list")[1])["workers"][0]
        answer.close()
        worker.close()
        assert (row["state"], row["slots_total"], row["slots_available"]) == ("busy", 1, 0)


@pytest.mark.parametrize("host", ["::1", "::", "0.0.0.0", "127.0.0.2"])
def test_fleet_on_an_address(tmp_path, host):
    """All programs of a fleet, bound to this address, reach each other and are reached."""
    if ":" in host and not can_bind("::1", 0):
        pytest.skip("this machine has no IPv6")
    (tmp_path / "s.robot").write_text(ON_AN_ADDRESS)
    run = robot(tmp_path, "--variable", f"HOST:{host}", str(tmp_path / "s.robot"))
    assert run.rc == 0, run.output
