"""Server-sent events: writing them (contract 12) and reading them by the rules of the WHATWG."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "text/event-stream"
COMMENT = b":\n\n"
DONE = b"data: [DONE]\n\n"


def compact(value: Any) -> str:
    """JSON as it goes over the wire: no blanks, UTF-8 not escaped, keys in the given order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def event(value: Any) -> bytes:
    """One event that carries JSON."""
    return b"data: " + compact(value).encode() + b"\n\n"


@dataclass(frozen=True)
class ServerSentEvent:
    """One dispatched event: its data, and the type and id that were in force."""

    data: str
    type: str = "message"
    id: str = ""

    @property
    def is_done(self) -> bool:
        """Whether this is the end marker; only it ends a stream well."""
        return self.data == "[DONE]"

    def json(self) -> dict[str, Any] | None:
        """The JSON object of the event, or None if it carries none."""
        try:
            value = json.loads(self.data)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Parser:
    """Turns the bytes of a stream into events, wherever the bytes are cut.

    An event that the end of the stream cuts off is not delivered, as the rules say: see `rest`.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._after_cr = False
        self._at_start = True
        self._data: list[str] = []
        self._type = ""
        self._id = ""

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Takes the next bytes and returns the events that they complete."""
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
        return [found for line in lines if (found := self._take(line)) is not None]

    @property
    def rest(self) -> str:
        """What has come since the last complete event; not empty after the end of a stream = it was cut inside an event."""
        return "\n".join([*(f"data: {part}" for part in self._data), self._line]).strip("\n")

    def _take(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value
        elif field == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, event_type = self._data, self._type
        self._data, self._type = [], ""
        return ServerSentEvent("\n".join(data), event_type or "message", self._id) if data else None


def token_text(value: dict[str, Any]) -> str | None:
    """The text of a token event in any of the three shapes, else None (contract 7.2, 12)."""
    if value.get("done") or value.get("type") in ("end", "started", "error"):
        return None
    text = value.get("t", value.get("token"))
    return text if isinstance(text, str) else None
