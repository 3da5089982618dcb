"""The WSGI application of a fake: routes, keys, bodies, errors in the envelope, journal records, and the faults of answers."""

from __future__ import annotations

import functools
import hmac
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import bottle

from ...clock.clock import Clock
from ...errors import OWN_ERROR, with_place
from ...faults.base import Cut, ErrorAnswer, FaultContext, FaultSet
from ...journal.writer import Journal
from ...net.http_client import correlation
from ...protocol.error_codes import RbeeError
from ...protocol.json_text import read_json
from ...protocol.options import DaemonOptions
from ...protocol.schema.routes import SERVICES, Route
from ...protocol.sse import CONTENT_TYPE, compact, is_token
from .contract_check import ContractCheck
from .event_stream import CutConnection, EventStream, StreamBody
from .formatting import printable
from .http_server import BODY_LIMIT, CHANNEL
from .request_recorder import RequestRecorder

_STATUS_TEXTS = {499: "Client Closed Request"}


@dataclass
class Request:
    """A request as a handler sees it."""

    method: str
    path: str
    body: dict[str, Any]
    query: dict[str, str]
    headers: dict[str, str]
    stream: EventStream
    recorder: RequestRecorder


@dataclass
class Reply:
    """An answer with its own status, body or headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Any]


class HttpApp:
    """The WSGI application of a fake.

    Args:
        options: of the program, with the key that protects routes.
        clock: stamps start and end of requests.
        journal: gets the records of every request.
        faults: applied to requests, answers and streams.
        log: writes the lines of the access log.
        service: part of the contract whose routes it serves: queen, hive, worker or hub.
    """

    def __init__(self, options: DaemonOptions, clock: Clock, journal: Journal, faults: FaultSet, log: Callable[[str], object], service: str):
        self.app = bottle.Bottle()
        self.app.config["catchall"] = False
        self.app.default_error_handler = self._error_answer
        self._options = options
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._no_faults = FaultSet({}, "", clock, journal)
        self._at_once: set[tuple[str, str]] = set()
        self._log = log
        self._contract_check = ContractCheck(journal, log)
        self._routes = {(route.method, route.path): route for route in SERVICES.get(service, ())}

    def route(self, method: str, path: str, handler: Handler, *, protected: bool | None = None, at_once: bool = False) -> None:
        """Registers the handler of a route and its aliases; it returns a dictionary, a `Reply` or an `EventStream`.

        Args:
            method: HTTP method.
            path: as written in `protocol/schema/routes.py`.
            handler: gets the request, and the variable parts of the path by name.
            protected: whether the route needs a key; None = as in the contract.
            at_once: whether the handler never waits, not even for another program.
        """
        route = self._routes[method, path]
        needs_key = route.protected if protected is None else protected
        if at_once:
            self._at_once.update((method, one) for one in route.paths)
        for path_or_alias in route.paths:
            rule = path_or_alias.replace("{", "<").replace("}", ":path>" if route.greedy else ">")
            self.app.route(rule, method, lambda **parts: self._serve(route, handler, parts, needs_key))

    def waits(self, method: str, path: str) -> bool:
        """Whether the answer to a request may take time: an armed fault may make every answer late."""
        return self._faults.is_any_armed or (method, path) not in self._at_once

    def _serve(self, route: Route, handler: Handler, parts: dict[str, str], protected: bool) -> Any:
        http_request = bottle.request
        channel = http_request.environ[CHANNEL]
        faults = self._no_faults if channel.is_at_once else self._faults  # one that was armed since the request has come is for the next one
        headers = _headers(http_request.environ)
        recorder = RequestRecorder(
            self._journal,
            self._clock,
            self._log,
            http_request.method,
            http_request.path,
            http_request.query_string,
            headers,
            http_request.environ.get("REMOTE_PORT"),
        )
        correlation.set(recorder.correlation_id)
        self._clock.activity.name_job(f"{http_request.method} {http_request.path}")
        stream = EventStream(self._clock, self._options.keep_alive)
        channel.when_gone(stream.gone)
        stream.on_close(lambda: recorder.ended(gone=stream.client_gone))  # must be the first action: a later one may end this process
        stream.on_close(lambda: channel.forget(stream.gone))
        query = dict(parse_qsl(http_request.query_string, keep_blank_values=True))
        request = Request(http_request.method, http_request.path, {}, query, headers, stream, recorder)
        key = headers.get("X-Request-Id") or recorder.correlation_id
        context = FaultContext(http_request.path, key, wake=stream.wake, gone=lambda: stream.client_gone, reset=channel.reset, is_token=is_token)
        try:
            reply = self._checked(route, request, self._result(route, request, handler, parts, protected, faults, context))
        except RbeeError as error:
            reply = self._checked(route, request, Reply(error.status, error.envelope(), error.headers))
        except ErrorAnswer as error:
            reply = Reply(error.status, RbeeError(error.code, "a fault of the test", status=error.status).envelope(), error.headers)
        except Cut:
            stream.close()
            raise CutConnection from None
        except Exception as error:  # a request never ends a fake; the traceback is in its output
            traceback.print_exc()
            reply = Reply(500, RbeeError("INTERNAL", self._own_error(route, error)).envelope())
        if isinstance(reply.body, EventStream) and request.method == "HEAD":
            reply = Reply(reply.status, None, {"Content-Type": CONTENT_TYPE, **reply.headers})
        recorder.answered(reply.status, reply.body, reply.headers.get("Retry-After"))
        answer_headers = {"X-Correlation-ID": recorder.correlation_id.encode("latin-1", "replace").decode("latin-1"), **reply.headers}
        if isinstance(reply.body, EventStream):
            has_ends = answer_headers.setdefault("Content-Type", CONTENT_TYPE) == CONTENT_TYPE
            answer_headers["Cache-Control"] = "no-cache"
            if faults.find("wrong-content-type", context):
                answer_headers["Content-Type"] = "text/html"
            stream.changed_by(lambda events: faults.events(events, context))
            if has_ends:
                stream.changed_by(recorder.counts_ends)
            body = StreamBody(stream, lambda error: self._own_error(route, error))
            return bottle.HTTPResponse(body, _status(reply.status), answer_headers)
        stream.close()
        return self._plain(reply, answer_headers, faults, context)

    def _own_error(self, route: Route, error: Exception) -> str:
        what = f"{OWN_ERROR}, see its output: {with_place(error)}"
        self._contract_check.broke(route, what)
        return what

    def _checked(self, route: Route, request: Request, result: Any) -> Reply:
        reply = result if isinstance(result, Reply) else Reply(200, result)
        if isinstance(reply.body, EventStream):
            self._contract_check.request(route, request.body, reply.status)
            request.stream.changed_by(lambda events: self._contract_check.events(route, reply.status, events))
        else:
            self._contract_check.answer(route, request.body, reply.status, reply.body)
        return reply

    def _result(self, route: Route, request: Request, handler: Handler, parts: dict[str, str], protected: bool, faults: FaultSet, context: FaultContext) -> Any:
        received: Any = {}
        try:
            data = bottle.request.environ["wsgi.input"].read(BODY_LIMIT + 1) if request.method in ("POST", "PATCH", "PUT") else b""
            received = data.decode("utf-8", "replace") if data else {}
            if bottle.request.environ["SERVER_PROTOCOL"] == "HTTP/1.1" and "Host" not in request.headers:
                raise RbeeError("INVALID_REQUEST", "a request of HTTP/1.1 has a Host header")
            if protected:
                self._check_key(request.headers)
            if len(data) > BODY_LIMIT:
                raise RbeeError("INVALID_REQUEST", f"the body is larger than {BODY_LIMIT} bytes", status=413)
            received = request.body = parse_qs(data.decode("utf-8", "replace")) if route.takes_form else _object(data)
        finally:
            request.recorder.arrived(received)
        faults.at("request", context)
        return handler(request, **parts)

    def _plain(self, reply: Reply, headers: dict[str, str], faults: FaultSet, context: FaultContext) -> bottle.HTTPResponse:
        if reply.body is None:
            return bottle.HTTPResponse(b"", _status(reply.status), headers)
        body = reply.body if isinstance(reply.body, bytes) else compact(reply.body).encode("utf-8", "replace")
        body = faults.body(body, context)
        headers.setdefault("Content-Type", "application/json")
        return bottle.HTTPResponse(body, _status(reply.status), headers)

    def _check_key(self, headers: dict[str, str]) -> None:
        key = self._options.api_key
        if key and not hmac.compare_digest(headers.get("Authorization", "").encode(), f"Bearer {key}".encode()):
            raise RbeeError("INVALID_API_KEY", "the API key is missing or wrong: send Authorization: Bearer KEY")

    def _error_answer(self, error: bottle.HTTPError) -> bytes:
        path, method = bottle.request.path, bottle.request.method
        if error.status_code == 405:
            answer = RbeeError("METHOD_NOT_ALLOWED", f"{method} is not allowed on {path[:200]}")
            allowed = error.get_header("Allow", "").split(",")
            bottle.response.set_header("Allow", ",".join([*allowed, "HEAD"] if "GET" in allowed and "HEAD" not in allowed else allowed))
        elif error.status_code == 404:
            answer = RbeeError("NOT_FOUND", f"there is nothing at {path[:200]}")
        else:
            answer = RbeeError("INVALID_REQUEST", f"the request cannot be read: {error.body}", status=error.status_code)
        recorder = RequestRecorder(self._journal, self._clock, self._log, method, path, bottle.request.query_string, _headers(bottle.request.environ))
        recorder.arrived({})
        recorder.answered(error.status_code, answer.envelope())
        recorder.ended()
        bottle.response.content_type = "application/json"
        bottle.response.set_header("X-Correlation-ID", recorder.correlation_id)
        return compact(answer.envelope()).encode("utf-8", "replace")


def _status(status: int) -> str | int:
    return f"{status} {_STATUS_TEXTS[status]}" if status in _STATUS_TEXTS else status


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    """Headers of a request, names in title case. Values are UTF-8, or latin-1 where they are not: a client may send any byte."""
    named = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {_header_name(name): _text(value) for name, value in named.items()}


@functools.lru_cache(256)
def _header_name(name: str) -> str:
    return name.replace("_", "-").title()


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _object(data: bytes) -> dict[str, Any]:
    if not data.strip():
        return {}
    try:
        body = read_json(data)
    except ValueError as error:
        raise RbeeError("INVALID_REQUEST", f"the body is not JSON: {printable(str(error))[:200]}") from None
    if not isinstance(body, dict):
        raise RbeeError("INVALID_REQUEST", f"the body is a JSON {_json_type(body)}, expected an object")
    return body


def _json_type(value: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(value)]
