"""Server-sent events: a writer (contract 12) and a parser that follows the WHATWG specification."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any

from .json_text import read_json

CONTENT_TYPE = "text/event-stream"
COMMENT = b":\n\n"
DONE = b"data: [DONE]\n\n"


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def compact(value: Any) -> str:
    """JSON in wire format: no blanks, UTF-8 not escaped, keys in the given order."""
    return _encode(value)


def quoted(text: str) -> bytes:
    """A text as JSON in wire format."""
    return json.encoder.encode_basestring(text).encode()


def event(value: Any) -> bytes:
    """Encodes one event with a JSON payload."""
    return b"data: " + compact(value).encode() + b"\n\n"


@dataclass(frozen=True)
class ServerSentEvent:
    """One dispatched event with its data, type and id."""

    data: str
    type: str = "message"
    id: str = ""

    @property
    def is_done(self) -> bool:
        """Whether this is the end marker, without which a stream is incomplete."""
        return self.data == "[DONE]"

    def json(self) -> dict[str, Any] | None:
        """The data as a JSON object, or None if it is something else."""
        try:
            value = read_json(self.data)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Parser:
    """Incremental parser: turns chunks of a stream, cut at any byte, into events.

    An event without its closing blank line is not delivered, as the specification demands: see `rest`.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._after_cr = False
        self._at_start = True
        self._data: list[str] = []
        self._type = "message"
        self._id = ""

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Adds a chunk and returns the events that it completes."""
        text = self._decoder.decode(data)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._after_cr:
            self._after_cr = False
            text = text.removeprefix("\n")
        if text.endswith("\r"):
            self._after_cr = True
        *lines, self._line = (self._line + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return [event for line in lines if (event := self._process(line)) is not None]

    @property
    def rest(self) -> str:
        """The incomplete event so far. If it is not empty at the end of a stream, the stream was cut inside an event."""
        return "\n".join([*(f"data: {part}" for part in self._data), self._line]).strip("\n")

    def _process(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value or "message"
        elif field == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, event_type = self._data, self._type
        self._data, self._type = [], "message"
        return ServerSentEvent("\n".join(data), event_type, self._id) if data else None


def token_text(value: dict[str, Any]) -> str | None:
    """The text of a token event in any of the three shapes, None for other events (contract 7.2, 12)."""
    if value.get("done") or value.get("type") in ("end", "started", "error"):
        return None
    text = value.get("t", value.get("token"))
    return text if isinstance(text, str) else None


def is_token(event: bytes) -> bool:
    """Whether the bytes of one event, as on the wire, are a token."""
    return event.startswith(b"data: {") and token_text(ServerSentEvent(event[6:].decode("utf-8", "replace")).json() or {}) is not None
