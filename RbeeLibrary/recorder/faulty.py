"""Faults of a real program, carried out on what passes the recorder."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus

from ..clock.event import Event
from ..faults.base import Cut, ErrorAnswer, FaultContext, FaultSet
from ..net.counted_socket import CountedSocket
from ..net.tcp_server import reset
from ..protocol.error_codes import RbeeError
from ..protocol.sse import CONTENT_TYPE, is_token
from .exchange import Incoming, Outgoing
from .http_parser import Data, Head, MessageEnd

_LAST_CHUNK = b"0\r\n\r\n"
_END_OF_EVENT = b"\n\n"
_REST_OF_REQUEST_LIMIT = 10.0


class ClientEnd:
    """The connection to a client, and whether the client has left.

    Args:
        connection: to the client.
    """

    def __init__(self, connection: CountedSocket):
        self.connection = connection
        self.wake = Event()
        self.has_left = False

    def leave(self) -> None:
        """Notes that the client has left; ends the waits for it."""
        self.has_left = True
        self.wake.set()


class Faulty:
    """The faults that are armed for one direction of a recorder.

    Args:
        faults: armed ones.
        kill: kills the program.
    """

    def __init__(self, faults: FaultSet, kill: Callable[[], None]):
        self._faults = faults
        self._kill = kill

    def request(self, exchange: Incoming | Outgoing, client: ClientEnd) -> bool:
        """Carries out the faults of a request before it goes on; returns whether it goes on.

        Args:
            exchange: of the request.
            client: who has sent it, and gets the answer of a fault.
        """
        if not self._faults.concerns("request", exchange.path):
            return True
        try:
            self._faults.at("request", self._context(exchange, client))
        except ErrorAnswer as error:
            body = json.dumps(RbeeError(error.code, "a fault of the test", status=error.status).envelope()).encode()
            headers = {**error.headers, "Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
            lines = [f"HTTP/1.1 {error.status} {_phrase(error.status)}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
            raw = "\r\n".join(lines).encode()
            exchange.answer(Head(raw, ("HTTP/1.1", str(error.status), ""), {name.lower(): value for name, value in headers.items()}))
            client.connection.sendall(raw + body)
            exchange.answer_end()
            _end_gently(client.connection)
            return False
        except Cut:
            return False
        return True

    def concerns(self, exchange: Incoming | Outgoing, head: Head) -> bool:
        """Whether faults may change this answer."""
        point = "stream" if head.headers.get("content-type", "").startswith(CONTENT_TYPE) else "answer"
        return not head.is_interim and self._faults.concerns(point, exchange.path)

    def answer(self, exchange: Incoming | Outgoing, head: Head, parts: Iterator[Data | MessageEnd], client: ClientEnd) -> bool:
        """Sends an answer as its faults change it.

        Args:
            exchange: of the answer.
            head: of the answer.
            parts: the rest of it, up to its end.
            client: who gets it.

        Returns:
            Whether the connection can go on: the answer was read to its end, and the client has all of it.
        """
        context = self._context(exchange, client)
        if not head.headers.get("content-type", "").startswith(CONTENT_TYPE):
            body = self._faults.body(b"".join(part.body for part in parts if isinstance(part, Data)), context)
            client.connection.sendall(_framed(head, b"Content-Length: %d" % len(body)) + body)
            return True
        client.connection.sendall(_framed(head, b"Transfer-Encoding: chunked"))
        reading = _Events(parts)
        try:
            for event in self._faults.events(iter(reading), context):
                client.connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            if reading.is_complete or not reading.is_broken:
                client.connection.sendall(_LAST_CHUNK)
        except Cut:
            return False
        return reading.is_complete

    def _context(self, exchange: Incoming | Outgoing, client: ClientEnd) -> FaultContext:
        if not client.has_left:
            client.wake.clear()  # the end of an earlier fault on this connection has set it
        key = exchange.headers.get("X-Request-Id") or exchange.correlation_id
        return FaultContext(
            exchange.path,
            key,
            wake=client.wake,
            gone=lambda: client.has_left,
            reset=lambda: reset(client.connection),
            is_token=is_token,
            kill=self._kill,
        )


class _Events:
    """The events of a stream, cut at their blank lines; what is left at the end is passed on as it is."""

    def __init__(self, parts: Iterator[Data | MessageEnd]):
        self._parts = parts
        self.is_complete = False
        self.is_broken = False

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for part in self._parts:
            if isinstance(part, MessageEnd):
                self.is_complete = True
                break
            *events, rest = (rest + part.body).split(_END_OF_EVENT)
            for event in events:
                yield event + _END_OF_EVENT
        if rest:
            yield rest
        if not self.is_complete:
            self.is_broken = True
            raise Cut


def _end_gently(connection: CountedSocket) -> None:
    """Ends a connection after an early answer: the client may still be sending, and a close with unread data would be a RST that overtakes the answer."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(_REST_OF_REQUEST_LIMIT)
    connection.await_end()


def _framed(head: Head, framing: bytes) -> bytes:
    """The head with another header for the length of the body."""
    lines = [line for line in head.raw[:-4].split(b"\r\n") if not line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
    return b"\r\n".join([*lines, framing, b"", b""])


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
