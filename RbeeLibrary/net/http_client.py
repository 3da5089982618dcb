"""HTTP exchanges with limits: what the fakes send to each other and what the keywords ask."""

from __future__ import annotations

import contextlib
import contextvars
import http.client
import itertools
import json
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from ..clock.activity import Activity
from ..clock.clock import Clock, Timer
from ..errors import HttpFailure, NoAnswer, NotConnected
from ..journal.writer import Journal
from .counted_socket import CountedSocket

correlation: contextvars.ContextVar[str | None] = contextvars.ContextVar("correlation", default=None)
CONNECT_LIMIT = 10.0
_numbers = itertools.count(1)
_ERRORS = (OSError, http.client.HTTPException)


class Answer:
    """Status, headers and body of an answer that was read to its end."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is none; the message names the character position.
        """
        try:
            return json.loads(self.body)
        except UnicodeDecodeError as error:
            raise ValueError(str(error)) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object, or an empty one."""
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Stream:
    """An answer whose body is read as it comes."""

    def __init__(self, connection: CountedSocket, response: http.client.HTTPResponse):
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def chunks(self) -> Iterator[bytes]:
        """The pieces of the body as they arrive.

        Raises:
            NoAnswer: the connection broke before the body was complete.
        """
        while True:
            try:
                piece = self._response.read1(65536)
            except http.client.IncompleteRead as error:
                raise NoAnswer("the stream ended in the middle") from error
            except (*_ERRORS, ValueError) as error:
                raise NoAnswer(f"the stream broke: {reason(error)}") from error
            if not piece:
                return
            yield piece

    def limit_silence(self, seconds: float) -> None:
        """From now on a pause of this many seconds of real time breaks the stream."""
        self._connection.settimeout(seconds)

    def read_all(self) -> Answer:
        """Reads the rest."""
        return Answer(self.status, self.headers, b"".join(self.chunks()))

    def cut(self) -> None:
        """Ends the connection from any thread; a read that waits ends at once."""
        self._connection.cut()

    def close(self) -> None:
        """Closes the connection."""
        self._response.close()
        self._connection.close()


class HttpClient:
    """Sends requests: JSON always, limits always, a correlation id always.

    Args:
        clock: the limits count on it.
        agent: `User-Agent`, the caller in other journals.
        journal: gets a `request_out` for every request.
        headers: sent with every request.
        real: limits count on this clock as well, whichever is first: for questions that are asked while the run's clock stands still.
    """

    def __init__(self, clock: Clock, agent: str, journal: Journal | None = None, headers: dict[str, str] | None = None, real: Clock | None = None):
        self._clock = clock
        self._real = real
        self._agent = agent
        self._journal = journal
        self._headers = headers or {}

    @property
    def activity(self) -> Activity:
        """What this process has in hand."""
        return self._clock.activity

    def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        limit: float,
        connect_limit: float = CONNECT_LIMIT,
        headers: dict[str, str] | None = None,
        timer: str = "answer",
    ) -> Answer:
        """One exchange within a limit; `timer` is the limit's name.

        Raises:
            NotConnected: no connection within the limits.
            NoAnswer: no complete answer within the limit.
        """
        stream = self.open(method, url, body, limit=limit, connect_limit=min(limit, connect_limit), headers=headers, timer=timer)
        try:
            with self._limit(limit, stream.cut, timer) as late:
                return stream.read_all()
        except NoAnswer as error:
            raise NoAnswer(_late(late, limit) or str(error)) from error
        finally:
            stream.close()

    def open(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        limit: float,
        connect_limit: float = CONNECT_LIMIT,
        headers: dict[str, str] | None = None,
        timer: str = "answer",
    ) -> Stream:
        """Sends a request and returns as soon as the headers of the answer are there; `limit` is for them, `timer` its name."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {
            "User-Agent": self._agent,
            "X-Correlation-ID": correlation.get() or str(uuid.uuid4()),
            "Connection": "close",
            **self._headers,
            **(headers or {}),
        }
        data = None
        if method in ("POST", "PATCH", "PUT"):
            sent["Content-Type"] = "application/json"
            data = json.dumps(body if body is not None else {}, separators=(",", ":"), ensure_ascii=False).encode()
        number = next(_numbers)
        self._record(
            "request_out",
            n=number,
            method=method,
            path=parts.path,
            query=parts.query,
            target=parts.netloc,
            correlation_id=sent["X-Correlation-ID"],
            request_id=sent.get("X-Request-Id"),
            body=body,
            start=round(self._clock.now(), 6),
        )
        try:
            connection = self.connect(parts.hostname or "127.0.0.1", parts.port or 80, connect_limit)
            stream = self._send(connection, parts.netloc, method, path, data, sent, limit, timer)
        except HttpFailure as error:
            self._record("answer_in", n=number, status=None, failure=str(error), end=round(self._clock.now(), 6))
            raise
        self._record("answer_in", n=number, status=stream.status, failure=None, end=round(self._clock.now(), 6))
        return stream

    @contextlib.contextmanager
    def _limit(self, seconds: float, abort: Callable[[], object], name: str) -> Iterator[list[Timer]]:
        with self._clock.limit(seconds, abort, name) as timer:
            if self._real is None:
                yield [timer]
                return
            with self._real.limit(seconds, abort, name) as real:
                yield [timer, real]

    def _record(self, record: str, **fields: Any) -> None:
        if self._journal is not None:
            self._journal.record(record, **fields)

    def connect(self, host: str, port: int, limit: float) -> CountedSocket:
        """A connection, within a limit.

        Raises:
            NotConnected: there was none.
        """
        failures = []
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotConnected(f"host {host} is not known: {reason(error)}") from error
        for family, kind, protocol, _, address in addresses:
            connection = CountedSocket(self._clock.activity, family, kind, protocol)
            with self._limit(limit, connection.cut, "connect") as late:
                try:
                    connection.connect(address)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return connection
                except OSError as error:
                    connection.close()
                    failures.append(_late(late, limit) or reason(error))
        raise NotConnected(failures[-1] if failures else f"no address for {host}")

    def _send(
        self, connection: CountedSocket, host: str, method: str, path: str, data: bytes | None, headers: dict[str, str], limit: float, name: str
    ) -> Stream:
        exchange = http.client.HTTPConnection(host)
        exchange.sock = connection
        with self._limit(limit, connection.cut, name) as late:
            try:
                exchange.request(method, path, data, headers)
                return Stream(connection, exchange.getresponse())
            except (*_ERRORS, ValueError) as error:
                connection.close()
                raise NoAnswer(_late(late, limit) or reason(error)) from error


def reason(error: BaseException) -> str:
    """Why an exchange failed, in the words of the operating system."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _late(timers: list[Timer], limit: float) -> str | None:
    return f"no answer within {limit:g} s" if any(timer.fired for timer in timers) else None
