"""What every fake is before it is a queen, a hive or a worker: routes, errors, authentication, journal, log, graceful stop."""

from __future__ import annotations

import contextvars
import hmac
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import bottle

from ..protocol.errors import RbeeError
from ..protocol.options import VERSION, DaemonOptions
from ..protocol.sse import CONTENT_TYPE, compact, token_text
from ..run.clock import Clock
from ..run.control import open_control
from ..run.fault_kinds import KINDS
from ..run.faults import Cut, ErrorAnswer, FaultBox, FaultSpec, Place
from ..run.http import HttpClient, correlation
from ..run.journal import Journal, journal_path
from ..run.lifeline import NAME_VARIABLE, RunIsOver, hold_on, run_address
from ..run.platform import portable, signal_at_parents_end
from ..run.ports import listen
from .exchange import Exchange
from .server import BODY_LIMIT, CHANNEL, Server
from .streams import Body, CutConnection, EventStream

READY_VARIABLE = "RBEE_READY_FD"
LISTEN_VARIABLE = "RBEE_LISTEN_FD"
_FLUSH_LIMIT = 1.0
_STATUS_TEXTS = {499: "Client Closed Request"}


@dataclass
class Request:
    """A request as a handler sees it."""

    body: dict[str, Any]
    query: dict[str, str]
    headers: dict[str, str]
    stream: EventStream
    exchange: Exchange


@dataclass
class Reply:
    """An answer that is more than 200 and JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Any]


class Service:
    """A program that serves HTTP and ends well.

    A fake adds its routes in its constructor and overrides `started`, `drain` and `abandon`.

    Args:
        program: its name, for logs, journals and `User-Agent`.
        options: what it was started with.
        listener: a socket that listens already, or None to bind `--host` and `--port`.
    """

    def __init__(self, program: str, options: DaemonOptions, listener: socket.socket | None):
        self.program = program
        self.options = options
        self.name = os.environ.get(NAME_VARIABLE) or program
        self._lifecycle: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._listener = listener or _inherited_listener() or listen(options.host, options.port)
        self.port: int = self._listener.getsockname()[1]
        self._lifeline: socket.socket | None = None
        self.state = "starting"
        self._log_lock = threading.Lock()
        self.log_lines: list[str] = []
        self.on_log: Callable[[str], None] = lambda _: None
        self.clock = Clock()
        self._first_faults = [FaultSpec.parse(text) for text in options.fault]
        self._app = bottle.Bottle(catchall=False)
        self._app.default_error_handler = self._error_answer

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.options.host}:{self.port}"

    # --- what a fake says about itself ---

    def started(self) -> None:
        """Called once the server answers."""

    def drain(self) -> None:
        """Called on the first SIGTERM, SIGINT or shutdown request; returns when the process may end."""

    def abandon(self) -> None:
        """Called on a second signal: the wait is over, whatever it was for."""

    # --- words for fakes ---

    def route(self, method: str, path: str, handler: Handler, *, protected: bool = True) -> None:
        """Lets a handler answer a route; it returns a dictionary, a `Reply` or an `EventStream`."""
        self._app.route(path, method, lambda **parts: self._serve(handler, parts, protected))

    def log(self, text: str) -> None:
        """Writes one line to standard error, with its time."""
        line = self._write_line(text)
        with self._log_lock:
            self.log_lines.append(line)
        self.on_log(line)

    def _write_line(self, text: str) -> str:
        line = f"{iso_time(time.time())} {printable(text)}"
        os.write(2, f"{line}\n".encode("utf-8", "replace"))
        return line

    def set_state(self, state: str) -> None:
        """Changes the state and records it."""
        if state != self.state:
            self.journal.record("state", **{"from": self.state, "to": state})
            self.state = state

    def spawn(self, job: Callable[..., object], *args: Any, name: str) -> threading.Thread:
        """Runs a job beside the requests, under the correlation id of the present one."""
        thread = threading.Thread(target=contextvars.copy_context().run, args=(job, *args), name=name, daemon=True)
        thread.start()
        return thread

    def every(self, interval: float, job: Callable[[], None], name: str, *, at_once: bool = False) -> None:
        """Runs a job again and again, `interval` apart on the clock."""

        def repeat() -> None:
            due = self.clock.now() + (0 if at_once else interval)
            never = threading.Event()
            while True:
                self.clock.wait(never, due)
                job()
                due = max(due + interval, self.clock.now())

        self.spawn(repeat, name=name)

    def shut_down(self, why: str) -> None:
        """Begins the graceful end, as SIGTERM does."""
        self._lifecycle.put(why)
        os.write(self._waker, b"w")

    def _next_event(self) -> str:
        # A signal that another thread takes does not interrupt a lock, so the main thread waits for the wakeup descriptor.
        while True:
            try:
                return self._lifecycle.get_nowait()
            except queue.Empty:
                os.read(self._wakeup, 512)

    # --- life ---

    def run(self) -> NoReturn:
        """Serves until the program is told to end; never returns."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda number, _: self._lifecycle.put("SIGTERM"))
        signal.signal(signal.SIGINT, lambda number, _: self._lifecycle.put("SIGINT"))
        self.before_threads()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        self._join_run()
        self._server = Server(self._app, self._listener)
        self._server.start()
        self.journal.record("bound", port=self.port)
        if self.options.host not in ("127.0.0.1", "::1", "localhost"):
            self.log(f"warning: listening on {self.options.host}, which other machines may reach")
        self.log(f"{self.program} {VERSION} serves on {self.url}")
        if self.options.die_with_parent == "on":
            self._die_with_parent()
        if self.options.max_lifetime:
            self.clock.call_at(self.clock.now() + self.options.max_lifetime, lambda: self.shut_down("--max-lifetime"), "max-lifetime")
        self._say_ready()
        self.started()
        drained = self._live()
        self._server.finish(_FLUSH_LIMIT if drained else 0)
        self.log("ended")
        exit_now(0)

    def _live(self) -> bool:
        """Waits for the end; says whether it was an orderly one."""
        while (why := self._next_event()) == "SIGTERM" and self.faults.find("ignore-sigterm"):
            self.log("SIGTERM ignored")
        self.log(f"{why}: ending")
        self.set_state("draining")

        def drain() -> None:
            try:
                if (slow := self.faults.find("slow-end")) is not None:
                    self.clock.wait(threading.Event(), self.clock.now() + (slow.delay if slow.delay is not None else 1.0))
                self.drain()
            finally:
                self.shut_down("drained")

        self.spawn(drain, name="drain")
        while (what := self._next_event()) != "drained":
            if what.startswith("SIG"):
                self.log(f"{what} again: ending at once")
                self.abandon()
                return False
        return True

    def _join_run(self) -> None:
        address = run_address()
        if address is not None:
            try:
                self._lifeline = hold_on(address, self.name, self.program.partition("-")[2])
            except RunIsOver as error:
                print(error, file=sys.stderr)
                exit_now(1)
        self.control = open_control(address)
        self.journal = Journal(journal_path(self.options.journal, self.name), self.program, self.clock)
        headers = {"Authorization": f"Bearer {self.options.api_key}"} if self.options.api_key else {}
        self.client = HttpClient(self.clock, f"{self.program}/{VERSION}", self.journal, headers)
        self.faults = FaultBox(KINDS, self.name, self.clock, self.journal)
        for spec in self._first_faults:
            self.faults.arm(spec)
        self.prepare()
        if self.control is not None:
            self.control.on("arm-fault", lambda order: self.faults.arm(FaultSpec(**order["spec"])))
            self.control.on("clear-faults", lambda order: self.faults.clear(order.get("fault")))
            self.control.on("state", lambda _: self.state)
            self.control.start()

    def before_threads(self) -> None:
        """Called while the process has one thread: the last moment to fork."""

    def prepare(self) -> None:
        """Called before the first request, when journal, client and control are there."""

    def _say_ready(self) -> None:
        fd = os.environ.pop(READY_VARIABLE, None)
        if fd is not None:
            os.write(int(fd), json.dumps({"pid": os.getpid(), "port": self.port}).encode() + b"\n")
            os.close(int(fd))

    def _die_with_parent(self) -> None:
        parent = os.getppid()
        signal_at_parents_end(signal.SIGTERM)
        if os.getppid() != parent:
            self.shut_down("parent gone")
        if portable():
            self.spawn(self._await_end_of, parent, name="parent")

    def _await_end_of(self, parent: int) -> None:
        import psutil

        try:
            psutil.Process(parent).wait()
        except psutil.Error:
            pass
        self.shut_down("parent gone")

    # --- requests ---

    def _serve(self, handler: Handler, parts: dict[str, str], protected: bool) -> Any:
        asked = bottle.request
        channel = asked.environ[CHANNEL]
        headers = {name.title(): value for name, value in asked.headers.items()}
        exchange = Exchange(self.journal, self.clock, self._write_line, asked.method, asked.path, asked.query_string, headers)
        correlation.set(exchange.correlation_id)
        stream = EventStream(self.clock, self.options.keep_alive)
        channel.when_gone(stream.gone)
        stream.on_close(lambda: channel.forget(stream.gone))
        request = Request({}, dict(parse_qsl(asked.query_string, keep_blank_values=True)), headers, stream, exchange)
        key = headers.get("X-Request-Id") or exchange.correlation_id
        place = Place(asked.path, key, None, stream.wake, lambda: stream.client_gone, channel.reset, _is_token)
        try:
            result = self._result(request, handler, parts, protected, place)
        except RbeeError as error:
            result = Reply(error.status, error.envelope())
        except ErrorAnswer as error:
            result = Reply(error.status, RbeeError(error.code, "a fault of the test", status=error.status).envelope())
        except Cut:
            stream.close()
            raise CutConnection from None
        except Exception:  # a fake never dies of a request; the traceback is in its output
            traceback.print_exc()
            result = Reply(500, RbeeError("INTERNAL", "the program met an error of its own, see its output").envelope())
        reply = result if isinstance(result, Reply) else Reply(200, result)
        exchange.answered(reply.status)
        stream.on_close(exchange.ended)
        answer_headers = {"X-Correlation-ID": exchange.correlation_id.encode("latin-1", "replace").decode("latin-1"), **reply.headers}
        if isinstance(reply.body, EventStream):
            answer_headers.setdefault("Content-Type", CONTENT_TYPE)
            answer_headers["Cache-Control"] = "no-cache"
            if self.faults.find("wrong-content-type", place):
                answer_headers["Content-Type"] = "text/html"
            stream.changed_by(lambda events: self.faults.events(events, place))
            return bottle.HTTPResponse(Body(stream), _status(reply.status), answer_headers)
        stream.close()
        return self._plain(reply, answer_headers, place)

    def _result(self, request: Request, handler: Handler, parts: dict[str, str], protected: bool, place: Place) -> Any:
        try:
            if protected:
                self._check_key(request.headers)
            if bottle.request.method in ("POST", "PATCH", "PUT"):
                request.body = self._read_body()
        finally:
            request.exchange.arrived(request.body)
        self.faults.at("request", place)
        return handler(request, **parts)

    def _plain(self, reply: Reply, headers: dict[str, str], place: Place) -> bottle.HTTPResponse:
        if reply.body is None:
            return bottle.HTTPResponse(b"", _status(reply.status), headers)
        body = reply.body if isinstance(reply.body, bytes) else compact(reply.body).encode("utf-8", "replace")
        body = self.faults.body(body, place)
        headers.setdefault("Content-Type", "application/json")
        return bottle.HTTPResponse(body, _status(reply.status), headers)

    def _check_key(self, headers: dict[str, str]) -> None:
        key = self.options.api_key
        if key and not hmac.compare_digest(headers.get("Authorization", "").encode(), f"Bearer {key}".encode()):
            raise RbeeError("INVALID_API_KEY", "the API key is missing or wrong: send Authorization: Bearer KEY")

    def _read_body(self) -> dict[str, Any]:
        data = bottle.request.environ["wsgi.input"].read(BODY_LIMIT + 1)
        if len(data) > BODY_LIMIT:
            raise RbeeError("INVALID_REQUEST", f"the body is larger than {BODY_LIMIT} bytes", status=413)
        if not data.strip():
            return {}
        try:
            body = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RbeeError("INVALID_REQUEST", f"the body is not JSON: {printable(str(error))[:200]}") from None
        if not isinstance(body, dict):
            raise RbeeError("INVALID_REQUEST", f"the body is a JSON {_json_type(body)}, expected an object")
        return body

    def _error_answer(self, error: bottle.HTTPError) -> bytes:
        path, method = bottle.request.path, bottle.request.method
        if error.status_code == 405:
            answer = RbeeError("METHOD_NOT_ALLOWED", f"{method} is not allowed on {path[:200]}")
        elif error.status_code == 404:
            answer = RbeeError("NOT_FOUND", f"there is nothing at {path[:200]}")
        else:
            answer = RbeeError("INVALID_REQUEST", f"the request cannot be read: {error.body}", status=error.status_code)
        headers = {name.title(): value for name, value in bottle.request.headers.items()}
        exchange = Exchange(self.journal, self.clock, self._write_line, method, path, bottle.request.query_string, headers)
        exchange.arrived({})
        exchange.answered(error.status_code)
        exchange.ended()
        bottle.response.content_type = "application/json"
        bottle.response.set_header("X-Correlation-ID", exchange.correlation_id)
        return compact(answer.envelope()).encode("utf-8", "replace")


def _is_token(event: bytes) -> bool:
    return event.startswith(b"data: {") and token_text(json.loads(event[6:])) is not None


def _status(status: int) -> str | int:
    return f"{status} {_STATUS_TEXTS[status]}" if status in _STATUS_TEXTS else status


def _json_type(value: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(value)]


def _inherited_listener() -> socket.socket | None:
    fd = os.environ.pop(LISTEN_VARIABLE, None)
    return socket.socket(fileno=int(fd)) if fd is not None else None


def printable(text: str) -> str:
    """Text that cannot break a log: control characters are escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def iso_time(seconds: float) -> str:
    """ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exit_now(code: int) -> NoReturn:
    """Ends the process without waiting for threads that serve."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
