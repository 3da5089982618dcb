"""A small HTTP server for tests of one client."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers; a subclass says how."""

    def answer(self, status: int, body: bytes = b"") -> None:
        """Sends a status and a body of known length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Writes no line to standard error."""


@contextlib.contextmanager
def served(handler: type[Handler]) -> Iterator[str]:
    """Serves on a free port; gives the URL."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
