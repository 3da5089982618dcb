"""Kinds of faults that cut, delay, reorder, corrupt or lose the events of a stream."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import ClassVar

from .base import ChaosUse, Cut, Fault, FaultContext

_END = b"data: [DONE]\n\n"
_WHILE_STREAMING = ("idle", "busy", "draining")
"""States in which a program streams: a queen or hub does so while it is idle."""
_OF_WORKERS = ("busy", "draining")
"""States in which a worker streams."""


class End(Exception):
    """Ends the stream cleanly."""


class StreamFault(Fault):
    """Acts once per stream, when `after_tokens` tokens or `after_bytes` bytes have been sent."""

    point = "stream"
    states: ClassVar[tuple[str, ...]] = _WHILE_STREAMING
    from_outside = True
    needs_token: ClassVar[bool] = False
    """Whether it changes the next token; otherwise it acts as soon as the token before has been sent."""

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        tokens, left, acted = 0, self.spec.after_bytes, False
        try:
            for event in events:
                tokens += context.is_token(event)
                is_next_token = context.is_token(event) and tokens == self.spec.after_tokens + 1
                due = is_next_token if left is None else 0 <= left < len(event)
                if due and not acted and self.acts(context):
                    if left:
                        yield event[:left]
                    yield from self.instead(event[left or 0 :], events, context)
                else:
                    yield event
                left = left if left is None else left - len(event)
                if left is None and not self.needs_token and context.is_token(event) and tokens == self.spec.after_tokens:
                    acted = True
                    if self.acts(context):
                        yield from self.instead(b"", events, context)
        except End:
            return

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        """Yields what is sent instead of a token.

        Args:
            token: the next token event, or the rest of a cut event; empty if the fault acts between two events.
            rest: the events that follow.
            context: of the stream.
        """
        raise NotImplementedError


class Kill(StreamFault):
    """Kills the process in the middle of a stream."""

    name, help = "kill", "the process kills itself (SIGKILL) when `after_tokens` tokens have been sent"
    chaos = ChaosUse("worker", ("after_tokens",))
    cuts_stream = True

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        context.kill()
        return iter(())


class ExitAtToken(StreamFault):
    """Exits in the middle of a stream."""

    name, help = "exit-at-token", "the process ends with exit code `status` (1) when `after_tokens` tokens have been sent"
    chaos = ChaosUse("worker", ("after_tokens",))
    cuts_stream = True
    from_outside = False

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        os._exit(self.exit_code)


class Stall(StreamFault):
    """Sends nothing for a while, with the connection open."""

    name, help = "stall", "silence for `delay`, or for ever, with the connection open"
    needs_delay = True
    chaos = ChaosUse("worker", ("after_tokens", "delay"))

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        self.hold(context, self.spec.delay)
        if token:
            yield token


class Close(StreamFault):
    """Ends the stream cleanly, but without the end marker."""

    name, help = "close", "the stream ends cleanly, but without its end marker"
    chaos = ChaosUse("worker", ("after_tokens",))
    cuts_stream = True

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        raise End


class Break(StreamFault):
    """Ends the connection in the middle of the body."""

    name, help = "break", "the connection ends in the middle of the body"

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        raise Cut


class Reset(StreamFault):
    """Resets the connection in the middle of the body."""

    name, help = "reset", "the connection is reset once everything sent so far has arrived"
    chaos = ChaosUse("worker", ("after_tokens",))
    cuts_stream = True

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        context.reset()
        raise Cut


class CutLine(StreamFault):
    """Resets the connection after an exact number of bytes."""

    name, help = "cut", "the connection is reset once exactly `after_bytes` bytes of the answer have arrived"

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        context.reset()
        raise Cut


class Corrupt(Fault):
    """Changes one byte of the stream."""

    name, point, help = "corrupt", "stream", "one byte of the answer is changed: the byte at `after_bytes`, or the first"
    from_outside = True
    states = _WHILE_STREAMING

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        left = self.spec.after_bytes or 0
        for event in events:
            if 0 <= left < len(event) and self.acts(context):
                event = event[:left] + bytes([event[left] ^ 0xFF]) + event[left + 1 :]
            left -= len(event)
            yield event


class HalfEvent(StreamFault):
    """Ends the connection inside an event."""

    name, needs_token, help = "half-event", True, "the connection ends inside an event"
    roles = ("worker", "queen")
    chaos = ChaosUse("worker", ("after_tokens",))
    cuts_stream = True

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        yield token[: len(token) // 2]
        raise Cut


class HalfCharacter(StreamFault):
    """Ends the connection inside a UTF-8 character."""

    name, help = "half-character", "the connection ends inside a UTF-8 character that the fault inserts"

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        yield b'data: {"t":"' + "🐝".encode()[:2]
        raise Cut


class ErrorEvent(StreamFault):
    """Sends an error event instead of the rest of the stream."""

    name, help = "error-event", "an error event with `code` (INFERENCE_FAILED) and the end marker are sent instead of the rest of the stream"
    roles = ("worker", "queen")

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        error = {"type": "error", "code": self.spec.code or "INFERENCE_FAILED", "message": "the worker could not go on with the inference"}
        yield b"data: " + json.dumps(error, separators=(",", ":")).encode() + b"\n\n"
        yield _END
        raise End


class DuplicateToken(StreamFault):
    """Sends a token twice."""

    name, needs_token, help = "duplicate-token", True, "a token is sent twice"
    roles = ("worker",)
    states = _OF_WORKERS

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        yield token
        yield token


class SkipToken(StreamFault):
    """Leaves out a token."""

    name, needs_token, help = "skip-token", True, "a token is left out"
    roles = ("worker",)
    states = _OF_WORKERS

    def instead(self, token: bytes, rest: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        return iter(())


class SwapTokens(Fault):
    """Swaps two tokens."""

    name, point, help = "swap-tokens", "stream", "a token is sent after its successor"
    from_outside = True
    roles = ("worker",)
    states = _OF_WORKERS

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        tokens = 0
        for event in events:
            tokens += context.is_token(event)
            if context.is_token(event) and tokens == self.spec.after_tokens + 1:
                successor = next(events, b"")
                swaps = context.is_token(successor) and self.acts(context)  # the last token has no successor
                yield from (successor, event) if swaps else (event, successor)
            else:
                yield event


class NoEndMarker(Fault):
    """Sends all tokens, but no end marker."""

    name, point, help = "no-end-marker", "stream", "all tokens are sent, but not the end marker"
    from_outside = True
    states = _WHILE_STREAMING

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        for event in events:
            if event == _END and self.acts(context):
                return
            yield event


class EventAfterEnd(Fault):
    """Sends an event after the end marker."""

    name, point, help = "event-after-end", "stream", "an event is sent after the end marker"
    from_outside = True
    states = _WHILE_STREAMING
    late = b'data: {"t":" late"}\n\n'

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        for event in events:
            yield event
            if event == _END and self.acts(context):
                yield self.late


class DoubleEnd(EventAfterEnd):
    """Sends the end marker twice."""

    name, help = "double-end", "the end marker is sent twice"
    late = _END


class MendStream(Fault):
    """Ends a broken stream with an end marker, as if it were complete."""

    name, point, help = "mend-stream", "stream", "the queen adds an end marker to a stream that broke off, as if it were whole"
    roles = ("queen",)
    states = ("idle", "draining")

    def events(self, events: Iterator[bytes], context: FaultContext) -> Iterator[bytes]:
        try:
            yield from events
        except Cut:
            if context.gone() or not self.acts(context):
                raise
            yield _END
