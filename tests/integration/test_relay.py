"""A line with a latency: all bytes arrive, in order, and a reader that stands still costs nothing."""

from __future__ import annotations

import os
import socket
import threading
import time

import psutil
from test_programs import program

_LENGTH = 20_000_000


def test_reader_that_stands_still_gets_all_bytes_later():
    sent = os.urandom(1000) * (_LENGTH // 1000)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        connection.sendall(sent)
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    with server, program("fake-relay", "--port", "0", "--to", f"127.0.0.1:{server.getsockname()[1]}", "--latency", "1ms", "--loss", "0.01") as relay:
        client = socket.create_connection(("127.0.0.1", relay.ready["port"]), 30)
        process = psutil.Process(relay.pid)
        deadline = time.monotonic() + 30
        while (used := process.cpu_percent(0.5)) > 20 and time.monotonic() < deadline:  # until the line is full: nobody reads
            continue
        assert used <= 20, "the relay waits without working"
        got = bytearray()
        while piece := client.recv(1 << 20):
            got += piece
        assert bytes(got) == sent
        client.close()
