"""HTTP client with time limits on the run's clock, for the fakes and the keywords."""

from __future__ import annotations

import contextlib
import contextvars
import copy
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
from ..clock.event import Event
from ..errors import HttpFailure, NoAnswer, NotConnected
from ..journal.writer import Journal
from ..protocol.json_text import read_json
from .counted_socket import CountedSocket
from .reach import Reach

correlation: contextvars.ContextVar[str | None] = contextvars.ContextVar("correlation", default=None)
CONNECT_LIMIT = 10.0
_numbers = itertools.count(1)
_ERRORS = (OSError, http.client.HTTPException)


class Answer:
    """A complete HTTP answer: status, headers and body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body decoded as JSON.

        Raises:
            ValueError: it is not JSON; the message names the position of the error.
        """
        return read_json(self.body)

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is anything else."""
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


_SMALL_PIECE = 64
"""Bytes: about an event of a stream."""


class Stream:
    """An HTTP answer whose body is read as it arrives."""

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
        """Breaks the stream at the next pause longer than this many seconds of real time."""
        self._connection.settimeout(seconds)

    def read_all(self) -> Answer:
        """Reads the rest of the body."""
        return Answer(self.status, self.headers, b"".join(self.chunks()))

    def cut(self) -> None:
        """Ends the connection; may be called from any thread, and ends a waiting read immediately."""
        self._connection.cut()

    def half_close(self) -> None:
        """Tells the server that nothing more will be sent; the answer can still be read."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes the connection."""
        self._response.close()
        self._connection.close()


class HttpClient:
    """Sends HTTP requests with JSON bodies, time limits and correlation ids.

    Args:
        clock: for the time limits.
        agent: `User-Agent`, the caller in the journals of servers.
        journal: gets the records `request_out` and `answer_in` of every request.
        headers: sent with every request.
        real: second clock for the time limits, whichever ends first: for requests while the run's clock stands still.
        reach: which addresses can be reached; None = all.
    """

    def __init__(
        self,
        clock: Clock,
        agent: str,
        journal: Journal | None = None,
        headers: dict[str, str] | None = None,
        real: Clock | None = None,
        reach: Reach | None = None,
    ):
        self._clock = clock
        self._real = real
        self._agent = agent
        self._journal = journal
        self._headers = headers or {}
        self._reach = reach
        self._cancelled: Event | None = None
        self._receive_buffer = 0

    def reading_little(self, receive_buffer: int) -> HttpClient:
        """The same client, but the system takes few bytes in advance for it, and it reads them in small pieces: what it does not read waits at the server.

        Args:
            receive_buffer: bytes that the system takes.
        """
        client = copy.copy(self)
        client._receive_buffer = receive_buffer
        return client

    def cancelled_by(self, event: Event) -> HttpClient:
        """The same client, but its requests under way end with `NoAnswer` as soon as the event is set."""
        client = copy.copy(self)
        client._cancelled = event
        return client

    def cutting(self, stream: Stream) -> contextlib.AbstractContextManager[None]:
        """Cuts a stream that is read in the block when the event of `cancelled_by` is set."""
        return self._until_cancelled(stream.cut)

    def _until_cancelled(self, abort: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        return self._cancelled.calling(abort) if self._cancelled is not None else contextlib.nullcontext()

    @property
    def activity(self) -> Activity:
        """Activity of this process."""
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
        """Sends a request and reads the complete answer.

        Args:
            method: HTTP method.
            url: with host, port, path and query.
            body: encoded as JSON; sent with POST, PUT and PATCH only.
            limit: seconds of the clock for the headers, and again for the rest of the answer.
            connect_limit: seconds of the clock for connecting, at most `limit`.
            headers: further ones.
            timer: name of the timer behind `limit`.

        Raises:
            NotConnected: no connection within the limit.
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
        """Sends a request and returns when the headers of the answer have arrived.

        Args:
            method: HTTP method.
            url: with host, port, path and query.
            body: encoded as JSON; sent with POST, PUT and PATCH only.
            limit: seconds of the clock for the headers of the answer.
            connect_limit: seconds of the clock for connecting.
            headers: further ones.
            timer: name of the timer behind `limit`.

        Raises:
            NotConnected: no connection within the limit.
            NoAnswer: no headers within the limit.
        """
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        all_headers = {
            "User-Agent": self._agent,
            "X-Correlation-ID": correlation.get() or str(uuid.uuid4()),
            "Connection": "close",
            **self._headers,
            **(headers or {}),
        }
        data = None
        if method in ("POST", "PATCH", "PUT"):
            all_headers["Content-Type"] = "application/json"
            data = json.dumps(body if body is not None else {}, separators=(",", ":"), ensure_ascii=False).encode()
        number = next(_numbers)
        self._record(
            "request_out",
            n=number,
            method=method,
            path=parts.path,
            query=parts.query,
            target=parts.netloc,
            correlation_id=all_headers["X-Correlation-ID"],
            request_id=all_headers.get("X-Request-Id"),
            body=body,
            start=round(self._clock.now(), 6),
        )
        try:
            try:
                port = parts.port or 80
            except ValueError as error:  # another program has told it
                raise NotConnected(f"{url[:200]} is no URL: {error}") from None
            connection = self.connect(parts.hostname or "127.0.0.1", port, connect_limit)
            stream = self._send(connection, parts.netloc, method, path, data, all_headers, limit, timer)
        except BaseException as error:  # also an interruption: whoever was asked, the journal says how it ended
            failure = str(error) if isinstance(error, HttpFailure) else "the caller was interrupted"
            self._record("answer_in", n=number, status=None, failure=failure, end=round(self._clock.now(), 6))
            raise
        self._record("answer_in", n=number, status=stream.status, failure=None, end=round(self._clock.now(), 6))
        return stream

    @contextlib.contextmanager
    def _limit(self, seconds: float, abort: Callable[[], object], name: str) -> Iterator[list[Timer]]:
        with self._until_cancelled(abort), self._clock.limit(seconds, abort, name) as timer:
            if self._real is None:
                yield [timer]
                return
            with self._real.limit(seconds, abort, name) as real:
                yield [timer, real]

    def _record(self, record: str, **fields: Any) -> None:
        if self._journal is not None:
            self._journal.record(record, **fields)

    def connect(self, host: str, port: int, limit: float) -> CountedSocket:
        """Opens a TCP connection to the first address of the host that accepts it.

        Args:
            host: name or address.
            port: TCP port.
            limit: seconds of the clock for each address.

        Raises:
            NotConnected: no address accepted within the limit.
        """
        failures = []
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotConnected(f"host {host} is not known: {reason(error)}") from error
        for family, kind, protocol, _, address in addresses:
            connection = CountedSocket(self._clock.activity, family, kind, protocol, reach=self._reach)
            if self._receive_buffer:  # before connecting, because it is part of the handshake
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
                connection.most_at_once = _SMALL_PIECE
            with self._limit(limit, connection.cut, "connect") as late:
                try:
                    connection.connect(address)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return connection
                except BaseException as error:  # an interruption must not leave the connection open either
                    connection.close()
                    if not isinstance(error, OSError):
                        raise
                    failures.append(_late(late, limit) or reason(error))
        raise NotConnected(failures[-1] if failures else f"no address for {host}")

    def _send(
        self, connection: CountedSocket, host: str, method: str, path: str, data: bytes | None, headers: dict[str, str], limit: float, name: str
    ) -> Stream:
        client = http.client.HTTPConnection(host)
        client.sock = connection
        with self._limit(limit, connection.cut, name) as late:
            try:
                client.request(method, path, data, headers)
                return Stream(connection, _final(client.getresponse()))
            except BaseException as error:  # an interruption must not leave the connection open either
                connection.close()
                if not isinstance(error, (*_ERRORS, ValueError)):
                    raise
                raise NoAnswer(_late(late, limit) or reason(error)) from error


def _final(response: http.client.HTTPResponse) -> http.client.HTTPResponse:
    """The answer after informational ones such as 103 Early Hints; `http.client` itself skips only 100."""
    while 100 < response.status < 200 and response.status != 101:
        response.headers = None  # type: ignore[assignment]  # otherwise `begin` reads nothing
        response.begin()
    return response


def reason(error: BaseException) -> str:
    """Why a request failed, as the operating system describes it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _late(timers: list[Timer], limit: float) -> str | None:
    return f"no answer within {limit:g} s" if any(timer.fired for timer in timers) else None
