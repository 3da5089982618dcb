"""The fastest that Python can be: a thread per connection that writes events to a raw socket. Argument: the port."""

import json
import socket
import sys
import threading
import time

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
TOKEN = b'data: {"t":" upon"}\n\n'


def serve(connection: socket.socket) -> None:
    """Answers one request."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while b"\r\n\r\n" not in data or b"}" not in data:
            data += connection.recv(65536)
        asked = json.loads(data.partition(b"\r\n\r\n")[2])
        connection.sendall(HEAD)
        delay, due = asked.get("delay", 0), time.monotonic()
        for _ in range(asked["max_tokens"]):
            if delay:
                time.sleep(max(0.0, due - time.monotonic()))
                due += delay
            connection.sendall(TOKEN)
        connection.sendall(b"data: [DONE]\n\n")


with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as listener:
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
