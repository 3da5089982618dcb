"""The journal records of one request and its answer, as the recorder sees them pass: the same kinds as a fake writes."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from ..clock.clock import Clock
from ..journal.writer import Journal, without_secrets
from ..protocol import sse
from ..protocol.error_codes import error_fields
from ..protocol.json_text import read_json
from ..protocol.options import MASK
from .causes import Causes
from .http_parser import Head

_BODY_LIMIT = 1 << 20
_SHOWN = 300
_STATE_PATHS = ("/v1/ready", "/v1/health", "/v1/status")
_numbers = itertools.count(1)


class Observed:
    """What the recorder knows of its program, shared by all its exchanges.

    Args:
        clock: stamps start and end.
        journal: takes the records.

    Attributes:
        role: of the program: queen, hive, worker or keeper.
        causes: because of which requests the program sends its own.
        state: the last state that the program has told.
        look_whether_bound: records that the program accepts connections, if it does.
    """

    def __init__(self, clock: Clock, journal: Journal):
        self.clock = clock
        self.journal = journal
        self.role = ""
        self.causes = Causes()
        self.state = ""
        self.look_whether_bound: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Time of the run's clock, as in records."""
        return round(self.clock.now(), 6)

    def told_state(self, value: Any) -> None:
        """Records the state of the program if it has changed."""
        state = value.get("state") if isinstance(value, dict) else None
        if isinstance(state, str) and state != self.state:
            self.journal.record("state", **{"from": self.state or "starting", "to": state})
            self.state = state


class _Exchange:
    """One request and its answer; `body` is the request's as an object, or as text if it is none."""

    def __init__(self, program: Observed, head: Head):
        parts = urlsplit(head.first[1])
        self.number = next(_numbers)
        self.method, self.path, self.query = head.first[0], unquote(parts.path), parts.query
        self.headers = {name.title(): value for name, value in head.headers.items()}
        self.correlation_id = head.headers.get("x-correlation-id") or str(uuid.uuid4())
        self.body: Any = {}
        self.status = 0
        self._program = program
        self._received = bytearray()
        self._answer = bytearray()

    def receive(self, data: bytes) -> None:
        """Takes a part of the request's body."""
        if len(self._received) < _BODY_LIMIT:
            self._received += data

    def _read_body(self) -> None:
        if self._received:
            try:
                self.body = read_json(bytes(self._received))
            except ValueError:
                self.body = self._received.decode("utf-8", "replace")

    def _id(self) -> str | None:
        body = self.body if isinstance(self.body, dict) else {}
        found = self.headers.get("X-Request-Id") or body.get("request_id") or body.get("job_id")
        return str(found) if found else None


class Incoming(_Exchange):
    """A request to the program.

    Args:
        program: what is known of it.
        head: of the request.
        peer: TCP port of the client.
    """

    def __init__(self, program: Observed, head: Head, peer: int):
        super().__init__(program, head)
        self.request_id: str | None = None
        self._peer = peer
        self._start = program.now()
        self._is_recorded = self._has_ended = False
        self._ends: int | None = None
        self._tail = b""
        self._events: sse.Parser | None = None
        self._token: Callable[[int], None] | None = None
        self._tokens = 0
        program.causes.begins(self)

    def received(self) -> None:
        """Records the request, which is complete or as complete as it will be."""
        if self._is_recorded:
            return
        self._is_recorded = True
        self._read_body()
        self.request_id = self._id()
        self._program.journal.record(
            "request_in",
            n=self.number,
            method=self.method,
            path=self.path,
            query=self.query,
            caller=self.headers.get("User-Agent"),
            peer=self._peer,
            correlation_id=self.correlation_id,
            headers=without_secrets(self.headers),
            start=self._start,
            body=self.body,
        )

    def answer(self, head: Head) -> None:
        """Records the status of the answer."""
        self.received()  # an answer may come before the request is complete
        for sent, cause in self._program.causes.answers(self):
            self._program.journal.record("cause", n=sent.number, cause=cause.number)
        self.status = head.status
        retry_after = head.headers.get("retry-after", "")
        pause = {"retry_after": float(retry_after)} if retry_after.replace(".", "", 1).isdigit() else {}
        self._program.journal.record("answered", n=self.number, status=self.status, request_id=self.request_id or self.correlation_id, **pause)
        if head.headers.get("content-type", "").startswith(sse.CONTENT_TYPE):
            self._ends = 0
            if self._program.role == "worker" and self.path == "/v1/inference":
                self._events = sse.Parser()
                self._token = self._program.journal.series("token", request_id=self.request_id or self.correlation_id)

    def answer_data(self, data: bytes) -> None:
        """Takes a part of the answer's body."""
        if self._ends is None:
            if len(self._answer) < _BODY_LIMIT:
                self._answer += data
            return
        if b"]" in data:
            self._ends += (self._tail + data).count(sse.DONE)
        self._tail = (self._tail + data)[-len(sse.DONE) + 1 :]
        if self._events is not None and self._token is not None:
            for event in self._events.feed(data):
                if sse.token_text(event.json() or {}) is not None:
                    self._token(self._tokens)
                    self._tokens += 1

    def answer_end(self, *, gone: bool = False) -> None:
        """Records the end of the answer.

        Args:
            gone: whether the client has left before it.
        """
        if self._has_ended:
            return
        self._has_ended = True
        self.received()
        stream = {} if self._ends is None else {"ends": self._ends, "gone": gone}
        if gone and self._events is not None:
            self._program.journal.record("client_gone", request_id=self.request_id or self.correlation_id)
        error = _error_of(bytes(self._answer), self.headers.get("Authorization", "").rpartition(" ")[2]) if self.status >= 400 else {}
        self._program.journal.record("request_end", n=self.number, end=self._program.now(), **stream, **error)
        self._program.causes.ends(self)
        if self._program.role == "worker" and self.method == "GET" and self.path in _STATE_PATHS and self._answer:
            try:
                self._program.told_state(read_json(bytes(self._answer)))
            except ValueError:
                return

    def break_off(self, *, gone: bool) -> None:
        """The connection ends before the answer; a program that ended without any has no end of an answer in its journal either.

        Args:
            gone: whether the client has left.
        """
        if gone or self.status:
            self.answer_end(gone=gone)


class Outgoing(_Exchange):
    """A request of the program to another one.

    Args:
        program: what is known of the program.
        head: of the request, with the address in its request line.
        target: `HOST:PORT` that really gets it.
        port: TCP port from which it is sent; None while there is no connection.
    """

    def __init__(self, program: Observed, head: Head, target: str):
        super().__init__(program, head)
        self.target = target
        self.port: int | None = None
        self._is_recorded = False

    def sent(self) -> None:
        """Records the request, which is complete or as complete as it will be."""
        if self._is_recorded:
            return
        self._is_recorded = True
        self._read_body()
        if self.path.endswith("/workers/ready"):
            self._program.look_whether_bound()
        cause, certain = self._program.causes.of(self)
        because = {} if cause is None else {"cause": cause.number, "correlation_id": cause.correlation_id, "probably": not certain}
        self._program.journal.record(
            "request_out",
            n=self.number,
            method=self.method,
            path=self.path,
            query=self.query,
            target=self.target,
            port=self.port,
            request_id=self._id(),
            body=self.body,
            start=self._program.now(),
            **{"correlation_id": self.correlation_id, **because},
        )
        if self._program.role == "worker" and self.path.endswith("/workers/ready"):
            self._program.told_state(self.body)

    def answer(self, head: Head) -> None:
        """Records the status of the answer."""
        self.sent()
        self.status = head.status
        self._program.journal.record("answer_in", n=self.number, status=self.status, failure=None, end=self._program.now())

    def answer_data(self, data: bytes) -> None:
        """Takes a part of the answer's body."""

    def answer_end(self) -> None:
        """The answer is complete."""

    def break_off(self, *, gone: bool) -> None:
        """The connection ends before the answer.

        Args:
            gone: whether the program has closed it.
        """
        self.failed("the program has closed the connection" if gone else "the connection ended without an answer")

    def failed(self, reason: str) -> None:
        """Records that there was no answer."""
        self.sent()
        if not self.status:
            self._program.journal.record("answer_in", n=self.number, status=None, failure=reason, end=self._program.now())


def _error_of(answer: bytes, key: str) -> dict[str, str]:
    """What an error says, for a journal record: code and message, or a text, as real programs answer; without the key of the request."""
    text = answer.decode("utf-8", "replace").strip()
    text = text.replace(key, MASK) if key else text
    try:
        fields = error_fields(read_json(text.encode()))
    except ValueError:
        fields = {}
    return fields or ({"message": text[:_SHOWN]} if text else {})
