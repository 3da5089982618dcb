"""The kinds of faults, each a small class: add one here and it can be used everywhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import ClassVar

from .faults import Cut, ErrorAnswer, Fault, Place

_ONE_SECOND = 1.0


# --- requests ---


class Delay(Fault):
    """The answer comes later."""

    name, point, help = "delay", "request", "the answer comes `delay` later (1 s)"

    def do(self, place: Place) -> None:
        self.hold(place, self.spec.delay if self.spec.delay is not None else _ONE_SECOND)


class Status(Fault):
    """The answer is an error."""

    name, point, help = "status", "request", "the answer is an error with `status` (503) and `code` (INTERNAL)"

    def do(self, place: Place) -> None:
        raise ErrorAnswer(self.spec.status or 503, self.spec.code or "INTERNAL")


class NoAnswer(Fault):
    """The request is taken and never answered."""

    name, point, help = "no-answer", "request", "the request is taken and never answered"

    def do(self, place: Place) -> None:
        self.hold(place, None)


class ResetRequest(Fault):
    """RST instead of an answer."""

    name, point, help = "reset-request", "request", "the connection ends with a RST before any answer"

    def do(self, place: Place) -> None:
        place.reset()
        raise Cut


class KillOnRequest(Fault):
    """SIGKILL on a request."""

    name, point, help = "kill-on-request", "request", "the process kills itself (SIGKILL) instead of answering"

    def do(self, place: Place) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class ExitOnRequest(Fault):
    """An exit on a request."""

    name, point, help = "exit-on-request", "request", "the process ends with exit code `status` (1) instead of answering"

    def do(self, place: Place) -> None:
        os._exit(self.exit_code)


class Refuse(Fault):
    """A closed port."""

    name, point, help = "refuse", "port", "the port refuses connections, for `delay` or until the fault is cleared; streams that run go on"

    def acts(self, place: Place) -> bool:
        return not self._hits and super().acts(place)

    def do(self, place: Place) -> None:
        self._accept = place.accept
        place.refuse()
        if self.spec.delay is not None:
            self.clock.call_at(self.clock.now() + self.spec.delay, self._accept, self.name)

    def clear(self) -> None:
        super().clear()
        if self._hits:
            self._accept()


class BrokenJson(Fault):
    """A body that is cut."""

    name, point, help = "broken-json", "answer", "the body of the answer is cut in its middle"

    def body(self, body: bytes) -> bytes:
        return body[: len(body) // 2]


class EmptyBody(Fault):
    """No body."""

    name, point, help = "empty-body", "answer", "the answer has an empty body"

    def body(self, body: bytes) -> bytes:
        return b""


class WrongVersion(Fault):
    """Another version."""

    name, point, help = "wrong-version", "answer", "the version in the answer is 9.9.9"

    def body(self, body: bytes) -> bytes:
        return body.replace(b'"version":"0.1.0"', b'"version":"9.9.9"')


class WrongContentType(Fault):
    """A stream that says it is none."""

    name, point, help = "wrong-content-type", "program", "the stream is announced as text/html"


# --- streams ---


class End(Exception):
    """The stream ends here, cleanly."""


class StreamFault(Fault):
    """Acts once a stream, when `after_tokens` tokens or `after_bytes` bytes have been sent."""

    point = "stream"
    needs_token: ClassVar[bool] = False
    """Whether it does something to the next token; if not, it acts as soon as the last one has left."""

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        tokens, left, acted = 0, self.spec.after_bytes, False
        try:
            for event in events:
                tokens += place.is_token(event)
                is_next_token = place.is_token(event) and tokens == self.spec.after_tokens + 1
                due = is_next_token if left is None else 0 <= left < len(event)
                if due and not acted and self.acts(place):
                    if left:
                        yield event[:left]
                    yield from self.instead(event[left or 0 :], events, place)
                else:
                    yield event
                left = left if left is None else left - len(event)
                if left is None and not self.needs_token and place.is_token(event) and tokens == self.spec.after_tokens:
                    acted = True
                    if self.acts(place):
                        yield from self.instead(b"", events, place)
        except End:
            return

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        """What is sent instead of a token."""
        raise NotImplementedError


class Kill(StreamFault):
    """SIGKILL in the middle of a stream."""

    name, help = "kill", "the process kills itself (SIGKILL) when `after_tokens` tokens have been sent"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        os.kill(os.getpid(), signal.SIGKILL)
        return iter(())


class ExitAtToken(StreamFault):
    """An exit in the middle of a stream."""

    name, help = "exit-at-token", "the process ends with exit code `status` (1) when `after_tokens` tokens have been sent"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        os._exit(self.exit_code)


class Stall(StreamFault):
    """Silence."""

    name, help = "stall", "silence for `delay`, or for ever, with the connection open"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        self.hold(place, self.spec.delay)
        if token:
            yield token


class Close(StreamFault):
    """A clean end without the end marker."""

    name, help = "close", "the stream ends cleanly, but without its end marker"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        raise End


class Break(StreamFault):
    """An end in the middle of the body."""

    name, help = "break", "the connection ends in the middle of the body"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        raise Cut


class Reset(StreamFault):
    """RST in the middle of the body."""

    name, help = "reset", "the connection ends with a RST when what was sent has arrived"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        place.reset()
        raise Cut


class CutLine(StreamFault):
    """RST after exactly so many bytes."""

    name, help = "cut", "the connection ends with a RST when exactly `after_bytes` bytes of the answer have arrived"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        place.reset()
        raise Cut


class Corrupt(Fault):
    """A wrong byte."""

    name, point, help = "corrupt", "stream", "one byte of the answer is another one: the byte at `after_bytes`, or the first"

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        left = self.spec.after_bytes or 0
        for event in events:
            if 0 <= left < len(event) and self.acts(place):
                event = event[:left] + bytes([event[left] ^ 0xFF]) + event[left + 1 :]
            left -= len(event)
            yield event


class HalfEvent(StreamFault):
    """An end inside an event."""

    name, needs_token, help = "half-event", True, "the connection ends inside an event"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        yield token[: len(token) // 2]
        raise Cut


class HalfCharacter(StreamFault):
    """An end inside a character."""

    name, help = "half-character", "the connection ends inside a UTF-8 character, which the fault brings along"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        yield b'data: {"t":"' + "🐝".encode()[:2]
        raise Cut


class DuplicateToken(StreamFault):
    """A token twice."""

    name, needs_token, help = "duplicate-token", True, "a token is sent twice"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        yield token
        yield token


class SkipToken(StreamFault):
    """A token is missing."""

    name, needs_token, help = "skip-token", True, "a token is left out"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        return iter(())


class SwapTokens(StreamFault):
    """Two tokens in the wrong order."""

    name, needs_token, help = "swap-tokens", True, "a token is sent after its successor"

    def instead(self, token: bytes, rest: Iterator[bytes], place: Place) -> Iterator[bytes]:
        successor = next(rest, b"")
        yield from (successor, token) if place.is_token(successor) else (token, successor)


class NoEndMarker(Fault):
    """All tokens, but no end marker."""

    name, point, help = "no-end-marker", "stream", "all tokens are sent, but not the end marker"

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        for event in events:
            if event == b"data: [DONE]\n\n" and self.acts(place):
                return
            yield event


class EventAfterEnd(Fault):
    """An event after the end marker."""

    name, point, help = "event-after-end", "stream", "an event is sent after the end marker"

    def events(self, events: Iterator[bytes], place: Place) -> Iterator[bytes]:
        for event in events:
            yield event
            if event == b"data: [DONE]\n\n" and self.acts(place):
                yield b'data: {"t":" late"}\n\n'


# --- carried out by the program itself ---


class Exit(Fault):
    """The worker leaves while it starts or loads."""

    name, point, help = "exit", "program", "the worker ends with exit code `status` (1) while it starts; with `layer` while it loads"


class KillAtStart(Fault):
    """SIGKILL at the start."""

    name, point, help = "kill-at-start", "program", "the worker kills itself (SIGKILL) while it starts, or `delay` later"


class EarlyCallback(Fault):
    """A ready callback from one who does not serve yet."""

    name, point, help = "early-callback", "program", "ready callbacks are sent while the worker's port still refuses connections"


class LeaveListener(Fault):
    """A port that outlives its worker."""

    name, point, help = "leave-listener", "program", "a second process holds the worker's port, and answers there when the worker is gone"


class SkipModelCheck(Fault):
    """Any file is a model."""

    name, point, help = "skip-model-check", "program", "the worker takes any file as its `--model`, unread"


class Stick(Fault):
    """Loading stops."""

    name, point, help = "stick", "program", "loading stops at `layer` for ever"


class NeverReady(Fault):
    """No ready callback."""

    name, point, help = "never-ready", "program", "no ready callback; the state stays loading"


class LostCallback(Fault):
    """A ready callback is lost."""

    name, point, help = "lost-callback", "program", "ready callbacks are not sent"


class DoubleCallback(Fault):
    """Ready callbacks come twice."""

    name, point, help = "double-callback", "program", "ready callbacks are sent twice"


class LateCallback(Fault):
    """Ready callbacks come late."""

    name, point, help = "late-callback", "program", "ready callbacks are sent `delay` later (1 s)"


class SilentShutdown(Fault):
    """The shutdown request is not answered."""

    name, point, help = "silent-shutdown", "program", "the shutdown request is never answered, and nothing ends"


class IgnoreShutdown(Fault):
    """The shutdown request is answered and forgotten."""

    name, point, help = "ignore-shutdown", "program", "the shutdown request is answered with 202, and nothing ends"


class IgnoreSigterm(Fault):
    """SIGTERM without effect."""

    name, point, help = "ignore-sigterm", "program", "SIGTERM has no effect"


class SlowEnd(Fault):
    """A slow end."""

    name, point, help = "slow-end", "program", "the end takes `delay` (1 s) after a shutdown request or SIGTERM"


class ChangedEtag(Fault):
    """A file that is another one by now."""

    name, point, help = "changed-etag", "program", "the hub names another ETag for a file"


class HugeLength(Fault):
    """A length that cannot be."""

    name, point, help = "huge-length", "program", "the hub declares a length of 2^50 bytes"


class SpawnFails(Fault):
    """The hive cannot start a worker."""

    name, point, help = "spawn-fails", "program", "the hive answers a spawn with 500 WORKER_CRASHED and starts nothing"


def _kinds(base: type[Fault]) -> Iterator[type[Fault]]:
    for kind in base.__subclasses__():
        if kind.name:
            yield kind
        yield from _kinds(kind)


KINDS: dict[str, type[Fault]] = {kind.name: kind for kind in _kinds(Fault)}
"""All kinds by name; the users' table is made from it."""
