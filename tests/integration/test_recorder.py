"""The recorder passes every byte on as it is: random exchanges, cut into random pieces, with every kind of end. `RBEE_TRIES` sets their number."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
from queue import Queue
from types import SimpleNamespace

import pytest
from running import robot_env

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.faults.base import FaultSet, FaultSpec
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.journal.writer import Journal
from RbeeLibrary.recorder.faulty import ClientEnd, Faulty
from RbeeLibrary.recorder.http_parser import Data, Head, HttpParser, MessageEnd

TRIES = int(os.environ.get("RBEE_TRIES", "300"))
LIMIT = 10.0
RESET = struct.pack("ii", 1, 0)
ENDS = ("keep", "close", "half close", "reset")


@contextlib.contextmanager
def recorder(target: int, *options: str):
    """A recorder in front of a port; its own port."""
    read, write = os.pipe()
    words = [sys.executable, "-m", "RbeeLibrary.recorder", "--port", "0", "--to", f"127.0.0.1:{target}", *options]
    env = {**robot_env(), "RBEE_READY_FD": str(write)}
    process = subprocess.Popen(words, env=env, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            yield int(ready.readline().partition('"port": ')[2].partition("}")[0])
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def line():
    """Connected pairs of a client and a server, with the recorder between them."""
    accepted: Queue = Queue()
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted.put(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        with recorder(listener.getsockname()[1]) as port:

            def connect() -> tuple[socket.socket, socket.socket]:
                client = socket.create_connection(("127.0.0.1", port), LIMIT)
                server = accepted.get(timeout=LIMIT)
                for end in (client, server):
                    end.settimeout(LIMIT)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return client, server

            yield connect


def message(drawn: random.Random, *, is_response: bool) -> bytes:
    """A message, framed in one of the ways of HTTP/1.1, or bytes that are no HTTP at all."""
    body = drawn.randbytes(drawn.choice((0, 1, 17, 300, 5000)))
    first = b"HTTP/1.1 200 OK\r\n" if is_response else b"POST /v1/inference HTTP/1.1\r\nHost: x\r\n"
    kind = drawn.choice(("sized", "chunked", "events", "interim", "no http", "empty"))
    if kind == "no http":
        return b"\x16\x03" + body
    if kind == "sized":
        return first + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if kind == "empty":
        return first + b"Content-Length: 0\r\n\r\n"
    if kind == "interim" and is_response:
        return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + first + b"Content-Length: 2\r\n\r\nok"
    pieces = [f'data: {{"t":"{word}"}}\n\n'.encode() for word in ("a", "\u00e4", "\U0001f41d")] if kind == "events" else [body[:7], body[7:]]
    chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), drawn.choice((b"", b";ext=1")), piece) for piece in pieces if piece)
    return (
        first + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + drawn.choice((b"", b"Trailer: x\r\n")) + b"\r\n"
    )


def send(end: socket.socket, data: bytes, drawn: random.Random) -> None:
    """Sends data in pieces."""
    cuts = sorted(drawn.randrange(len(data) + 1) for _ in range(drawn.randrange(4)))
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if data[start:stop]:
            end.sendall(data[start:stop])


def receive(end: socket.socket, count: int) -> bytes:
    came = b""
    while len(came) < count:
        piece = end.recv(count - len(came))
        assert piece, f"the connection ended after {len(came)} of {count} bytes"
        came += piece
    return came


def how_it_ends(end: socket.socket) -> str:
    try:
        return "close" if end.recv(1) == b"" else "more"
    except ConnectionResetError:
        return "reset"


def test_random_exchanges_pass_byte_by_byte(line):
    for seed in range(TRIES):
        drawn = random.Random(seed)
        client, server = line()
        with client, server:
            for _ in range(drawn.randrange(1, 4)):
                asked, answered = message(drawn, is_response=False), message(drawn, is_response=True)
                if drawn.random() < 0.1:  # an answer before the request is complete
                    half = len(asked) // 2
                    client.sendall(asked[:half])
                    assert receive(server, half) == asked[:half], seed
                    send(server, answered, drawn)
                    assert receive(client, len(answered)) == answered, seed
                    client.sendall(asked[half:])
                    assert receive(server, len(asked) - half) == asked[half:], seed
                    continue
                send(client, asked, drawn)
                assert receive(server, len(asked)) == asked, seed
                send(server, answered, drawn)
                assert receive(client, len(answered)) == answered, seed
            here, there = (client, server) if drawn.random() < 0.5 else (server, client)
            ending = drawn.choice(ENDS)
            if ending == "half close":
                here.shutdown(socket.SHUT_WR)
                assert how_it_ends(there) == "close", seed
                send(there, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", drawn)
                assert receive(here, 38) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seed
            elif ending == "close":
                here.close()
                assert how_it_ends(there) == "close", seed
            elif ending == "reset":
                here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                here.close()
                assert how_it_ends(there) == "reset", seed


def test_no_byte_is_held_back(line):
    """Each byte of a request and of an answer arrives before the next one is sent, also inside a head and inside a chunk."""
    client, server = line()
    request = b"POST /v1/inference HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n0\r\n\r\n"
    with client, server:
        for here, there, message in ((client, server, request), (server, client, answer)):
            for byte in message:
                here.sendall(bytes([byte]))
                assert there.recv(1) == bytes([byte])


def test_two_hundred_streams_at_once(line):
    pairs = [line() for _ in range(200)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(b'data: {"t":"a"}\n\n'), b'data: {"t":"a"}\n\n')
    with contextlib.ExitStack() as stack:
        for client, server in pairs:
            stack.enter_context(client)
            stack.enter_context(server)
            client.sendall(b"POST /v1/inference HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            server.sendall(head)
        for _ in range(5):
            for _, server in pairs:
                server.sendall(chunk)
        for client, _ in pairs:
            assert receive(client, len(head) + 5 * len(chunk)) == head + 5 * chunk


def test_cut_messages_are_put_together_again():
    """However the bytes are cut, the parser finds the same messages, and its parts are all that it was fed."""
    for seed in range(300):
        drawn = random.Random(seed)
        bodies = [drawn.randbytes(drawn.randrange(40)) for _ in range(3)]
        data = b"".join(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
        parser = HttpParser(of_responses=True)
        parts: list[Head | Data | MessageEnd] = []
        while data:
            size = drawn.randrange(1, 30)
            parts += parser.feed(data[:size])
            data = data[size:]
        assert sum(isinstance(part, MessageEnd) for part in parts) == 3
        assert b"".join(part.body for part in parts if isinstance(part, Data)) == b"".join(bodies)


def test_client_that_still_sends_gets_the_answer_of_a_fault():
    """The answer comes before the body is sent. A close with unread data would be a RST, which overtakes the answer."""
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        recorder(target.getsockname()[1], "--fault", "status:status=503") as port,
        socket.create_connection(("127.0.0.1", port), LIMIT) as client,
    ):
        client.settimeout(LIMIT)
        client.sendall(b"POST /v2/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        answer = b""
        while piece := client.recv(4096):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 503 ")
        poll = select.poll()
        poll.register(client, select.POLLERR)
        assert poll.poll(300) == [], "the connection was reset"
        client.sendall(b"x" * 300000)


def test_end_of_one_fault_does_not_end_the_next_on_the_same_connection():
    clock = Clock()
    faults = FaultSet(KINDS, "queen", clock, Journal(None, "real-queen", clock))
    faults.arm(FaultSpec("no-answer"))
    client = ClientEnd(None)
    client.wake.set()  # as the end of an earlier fault has left it
    exchange = SimpleNamespace(path="/health", headers={}, correlation_id="x")
    held = threading.Thread(target=Faulty(faults, lambda: None).request, args=(exchange, client), daemon=True)
    held.start()
    held.join(0.3)
    assert held.is_alive()
    faults.clear()
    held.join(LIMIT)
    assert not held.is_alive()
