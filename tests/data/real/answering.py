"""What the stand-ins of real programs share: plain HTTP with the quirks of the framework that the real ones use. Imports nothing of the library."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

BUGS = set(filter(None, os.environ.get("STAND_IN_BUGS", "").split(",")))
"""Planted bugs, by name."""
LARGEST_BODY = 2 * 1024 * 1024
REASONS = {422: "Unprocessable Entity", 503: "Service Unavailable"}


def log(text: str) -> None:
    """A log line with colours, as the real programs write them unless NO_COLOR is set."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    plain = f"{stamp}Z  INFO {text}"
    print(plain if os.environ.get("NO_COLOR") else f"\x1b[2m{stamp}Z\x1b[0m \x1b[32m INFO\x1b[0m {text}", file=sys.stderr, flush=True)


class Refused(Exception):
    """An answer in plain text."""

    def __init__(self, status: int, text: str = ""):
        super().__init__(text)
        self.status = status
        self.text = text


class Handler(BaseHTTPRequestHandler):
    """Routes are methods of `app`: `app.routes[path] = {method: function}`."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    app: object

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def __getattr__(self, name: str):
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        methods = next((methods for rule, methods in self.app.routes.items() if rule == path or rule.endswith("/*") and path.startswith(rule[:-1])), None)
        if methods is None:
            return self.plain(404)
        method = "GET" if self.command == "HEAD" else self.command
        if method not in methods:
            allowed = ",".join(word for one in methods for word in ([one, "HEAD"] if one == "GET" else [one]))
            return self.plain(405, headers={"Allow": allowed})
        try:
            body = self._body() if method == "POST" else None
            methods[method](self, body)
        except Refused as error:
            self.plain(error.status, error.text)

    def _body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if len(data) > LARGEST_BODY:
            raise Refused(413, "the body is too large")
        if self.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Refused(415, "the content type has to be application/json")
        try:
            return json.loads(data)
        except ValueError as error:
            raise Refused(400, f"the body is no JSON: {error}") from None

    def plain(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        """An answer in plain text; without a text it has no body and no content type."""
        self._send(status, text.encode(), {**({"Content-Type": "text/plain; charset=utf-8"} if text else {}), **(headers or {})})

    def json(self, value: object, status: int = 200) -> None:
        """An answer in JSON."""
        self._send(status, json.dumps(value, separators=(",", ":")).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status, REASONS.get(status))
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin_stream(self) -> None:
        """Begins a chunked event stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        """One chunk; an empty one is the end."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *words: object) -> None:
        """The real programs write no access log."""


def wanted(body: object, **kinds: type | tuple[type, ...]) -> dict:
    """The fields of a body; 422 if one is missing or of another type."""
    if not isinstance(body, dict):
        raise Refused(422, "the body is no object")
    for name, kind in kinds.items():
        if name not in body:
            raise Refused(422, f"missing field `{name}`")
        if not isinstance(body[name], kind) or isinstance(body[name], bool):
            raise Refused(422, f"{name}: invalid type")
    return body


def ask(method: str, url: str, body: object = None, limit: float = 30.0) -> http.client.HTTPResponse:
    """A request, through the proxy of the environment if there is one, with no name and no ids."""
    parts = urlsplit(url)
    proxy = os.environ.get("HTTP_PROXY") or os.environ.get("http_proxy")
    via = urlsplit(proxy) if proxy and not os.environ.get("NO_PROXY") else parts
    connection = http.client.HTTPConnection(via.hostname, via.port or 80, timeout=limit)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Host": parts.netloc, "Accept": "*/*", **({} if body is None else {"Content-Type": "application/json"})}
    connection.putrequest(method, url if via is not parts else parts.path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**headers, **({} if data is None else {"Content-Length": str(len(data))})}.items():
        connection.putheader(name, value)
    connection.endheaders(data)
    return connection.getresponse()


def serve(app: object, port: int, at_end: object = lambda: None) -> None:
    """Serves until SIGINT, which calls `at_end` and ends the program well."""

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """Broken connections are nothing to talk about."""

    server = Server(("127.0.0.1", port), type("AppHandler", (Handler,), {"app": app}))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def interrupted(*_: object) -> None:
        at_end()
        os._exit(0)

    # The kernel may deliver a signal to another thread: only a byte on a descriptor wakes this one for sure.
    here, there = socket.socketpair()
    there.setblocking(False)
    signal.set_wakeup_fd(there.fileno())
    signal.signal(signal.SIGINT, interrupted)
    while True:
        here.recv(1)
