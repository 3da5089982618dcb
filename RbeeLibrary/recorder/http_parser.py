"""Follows one direction of an HTTP/1.1 connection without changing a byte: where messages begin and end, and what their bodies are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_HEAD_LIMIT = 1 << 20
_END_OF_HEAD = b"\r\n\r\n"
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True)
class Head:
    """Request line or status line, and headers; names in lower case, the last value of a repeated name."""

    raw: bytes
    first: tuple[str, str, str]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """HTTP status of a response."""
        return int(self.first[1])

    @property
    def is_interim(self) -> bool:
        """Whether another head follows, as after `100 Continue`."""
        return self.first[0].startswith("HTTP/") and 100 <= self.status < 200 and self.status != 101


@dataclass(frozen=True)
class Data:
    """Bytes on the wire, and the part of them that is body: framing of chunks has none."""

    raw: bytes
    body: bytes


@dataclass(frozen=True)
class MessageEnd:
    """The message is complete; `raw` is the end of its framing."""

    raw: bytes = b""


Part = Head | Data | MessageEnd


class HttpParser:
    """Cuts a stream of bytes into the parts of messages; joined, their `raw` is exactly what was fed.

    Bytes that are no HTTP are passed on as `Data` without a body.

    Args:
        of_responses: whether it reads responses.
        method: returns the method of the request that the next response answers; only for responses.
    """

    def __init__(self, *, of_responses: bool = False, method: Callable[[], str] = str):
        self._of_responses = of_responses
        self._method = method
        self._bytes = b""
        self._at = 0
        self._left = 0
        self._read = self._head

    @property
    def pending(self) -> int:
        """Number of bytes that were fed and are in no part yet."""
        return len(self._bytes) - self._at

    def feed(self, data: bytes) -> Iterator[Part]:
        """The parts that these bytes complete; the beginning of a body is one as soon as it is there."""
        self._bytes = self._bytes[self._at :] + data
        self._at = 0
        while self._at < len(self._bytes):
            parts = self._read()
            if not parts:
                return
            yield from parts

    def close(self) -> Iterator[Part]:
        """The parts that the end of the connection completes."""
        if self._at < len(self._bytes):
            yield Data(self._take(len(self._bytes)), b"")
        if self._read == self._until_closed:
            yield MessageEnd()

    def _take(self, count: int) -> bytes:
        taken = self._bytes[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def _line(self, end: bytes) -> bytes | None:
        """The bytes up to and with `end`; None if they are not here yet."""
        found = self._bytes.find(end, self._at)
        return None if found < 0 else self._take(found + len(end) - self._at)

    def _head(self) -> tuple[Part, ...]:
        raw = self._line(_END_OF_HEAD)
        if raw is None:
            return () if len(self._bytes) - self._at < _HEAD_LIMIT and self._may_be_http() else self._give_up()
        lines = raw.decode("latin-1").split("\r\n")
        words = [*lines[0].split(" ", 2), "", ""][:3]
        if not (words[1].isdigit() if self._of_responses else words[2].startswith("HTTP/")):
            self._read = self._no_http
            return (Data(raw, b""),)
        headers = {name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines[1:]) if colon}
        head = Head(raw, (words[0], words[1], words[2]), headers)
        return (head, MessageEnd()) if self._ends_with(head) else (head,)

    def _may_be_http(self) -> bool:
        begin = self._bytes[self._at : self._at + 5]
        return b"HTTP/".startswith(begin) if self._of_responses else begin[:1].isalpha()

    def _give_up(self) -> tuple[Part, ...]:
        self._read = self._no_http
        return self._no_http()

    def _no_http(self) -> tuple[Part, ...]:
        return (Data(self._take(len(self._bytes)), b""),)

    def _ends_with(self, head: Head) -> bool:
        """Prepares to read the body; returns whether there is none."""
        length = head.headers.get("content-length", "")
        if self._of_responses and head.is_interim:
            return False
        if self._of_responses and (head.status in _WITHOUT_BODY or self._method() == "HEAD"):
            return True
        if self._of_responses and head.status == 101:
            self._read = self._no_http
        elif "chunked" in head.headers.get("transfer-encoding", "").lower():
            self._read = self._chunk_size
        elif length.isdigit() and int(length):
            self._left, self._read = int(length), self._sized
        elif self._of_responses and not length.isdigit():
            self._read = self._until_closed
        else:
            return True
        return False

    def _sized(self) -> tuple[Part, ...]:
        data = self._take(self._left)
        self._left -= len(data)
        if self._left:
            return (Data(data, data),)
        self._read = self._head
        return Data(data, data), MessageEnd()

    def _until_closed(self) -> tuple[Part, ...]:
        data = self._take(len(self._bytes))
        return (Data(data, data),)

    # --- chunks ---

    def _chunk_size(self) -> tuple[Part, ...]:
        line = self._line(b"\r\n")
        if line is None:
            return () if len(self._bytes) - self._at < _HEAD_LIMIT else self._give_up()
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            self._read = self._no_http
            return (Data(line, b""),)
        self._read = self._chunk if self._left else self._trailer
        return (Data(line, b""),)

    def _chunk(self) -> tuple[Part, ...]:
        data = self._take(self._left)
        self._left -= len(data)
        if not self._left:
            self._read = self._chunk_end
        return (Data(data, data),)

    def _chunk_end(self) -> tuple[Part, ...]:
        line = self._line(b"\r\n")
        if line is None:
            return ()
        self._read = self._chunk_size
        return (Data(line, b""),)

    def _trailer(self) -> tuple[Part, ...]:
        line = self._line(b"\r\n")
        if line is None:
            return ()
        if line != b"\r\n":
            return (Data(line, b""),)
        self._read = self._head
        return (MessageEnd(line),)
