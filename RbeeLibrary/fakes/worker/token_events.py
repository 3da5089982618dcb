"""The three shapes of an inference stream (contract 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...clock.clock import Clock
from ...protocol import sse
from ..runtime.formatting import iso_time


class PlainEvents:
    """Plain shape: `{"t": ...}` for each token.

    Args:
        request_id: of the inference.
        model_ref: reference of the model.
        clock: stamps the events.
    """

    def __init__(self, request_id: str, model_ref: str, clock: Clock):
        self._request_id = request_id
        self._model_ref = model_ref
        self._clock = clock
        self._begun = clock.now()
        self.matched: str | None = None

    def start(self) -> Iterator[bytes]:
        """Events before the first token."""
        return iter(())

    def token(self, text: str, index: int) -> bytes:
        """Event of one token."""
        return b'data: {"t":' + sse.quoted(text) + b"}\n\n"  # a thousand times a second, so without the encoder for any value

    def end(self, count: int, stop_reason: str) -> Iterator[bytes]:
        """Events after the last token, before the end marker."""
        return iter(())

    def _milliseconds(self) -> int:
        return round((self._clock.now() - self._begun) * 1000)


class IndexedEvents(PlainEvents):
    """Indexed shape: `{"token": ..., "index": ...}` for each token, and a done event."""

    def token(self, text: str, index: int) -> bytes:
        return sse.event({"token": text, "index": index})

    def end(self, count: int, stop_reason: str) -> Iterator[bytes]:
        yield sse.event({"done": True, "total_tokens": count, "duration_ms": self._milliseconds()})


class TypedEvents(PlainEvents):
    """Typed shape: `{"type": ...}` in every event, with narration, a start and an end event."""

    def start(self) -> Iterator[bytes]:
        job = self._request_id
        told = {"human": f"inference {job} begins", "cute": f"{job} is on its way"}
        yield sse.event({"type": "narration", "actor": "worker", "action": "infer", "target": job, **told, "job_id": job})
        yield sse.event({"type": "started", "job_id": self._request_id, "model": self._model_ref, "started_at": iso_time(self._clock.wall())})

    def token(self, text: str, index: int) -> bytes:
        return sse.event({"type": "token", "t": text, "i": index})

    def end(self, count: int, stop_reason: str) -> Iterator[bytes]:
        event: dict[str, Any] = {"type": "end", "tokens_out": count, "decode_time_ms": self._milliseconds(), "stop_reason": stop_reason}
        if self.matched is not None:
            event["stop_sequence_matched"] = self.matched
        yield sse.event(event)


SHAPES = {"plain": PlainEvents, "indexed": IndexedEvents, "typed": TypedEvents}
