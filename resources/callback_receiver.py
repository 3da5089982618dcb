"""A receiver of ready callbacks that checks at once whether the worker serves requests."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from robot.api.deco import keyword, library


@library(scope="TEST")
class callback_receiver:
    """Receives callbacks in place of a queen or hive, and requests the worker's health before it answers the callback."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self):
        self.ROBOT_LIBRARY_LISTENER = self
        self._server = None
        self._calls = []
        self._came = threading.Condition()

    @keyword
    def start_callback_receiver(self) -> str:
        """Listens on a free port and returns the URL for callbacks."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    with urllib.request.urlopen(f"{body['url']}/v1/health", timeout=2) as answer:
                        health = answer.read().decode()
                except OSError as error:
                    health = f"no answer: {error}"
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")
                with receiver._came:
                    receiver._calls.append((body, health))
                    receiver._came.notify_all()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/ready"

    @keyword
    def wait_for_callback(self, number: int = 1) -> tuple:
        """Waits for the callback with this number; returns its body, and the worker's answer about its health at that moment."""
        with self._came:
            if not self._came.wait_for(lambda: len(self._calls) >= number, 5):
                raise AssertionError(f"{len(self._calls)} callbacks came within 5 s, expected {number}")
            return self._calls[number - 1]

    def end_test(self, data, result):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
