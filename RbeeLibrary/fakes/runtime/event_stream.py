"""Answers that are written event by event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from ...clock.clock import Clock, Event
from ...faults.base import Cut
from ...protocol import sse


class Abort(Cut):
    """Ends the connection in the middle of the body, so that nobody takes what was sent for complete."""


class EventStream:
    """One answer under way: what it still waits for, and whether there is anybody who reads it.

    Args:
        clock: the deadlines count on it.
        keep_alive: seconds of silence after which a comment line is sent.
    """

    def __init__(self, clock: Clock, keep_alive: float):
        self._clock = clock
        self._keep_alive = keep_alive
        self._events: Iterator[bytes] = iter(())
        self._on_close: list[Callable[[], None]] = []
        self._on_gone: list[Callable[[], None]] = []
        self._closed = False
        self.wake = Event()
        """Set by whoever wants the stream to look up from its wait: a client that left, a cancellation, news to send."""
        self.client_gone = False

    def carries(self, events: Iterator[bytes]) -> EventStream:
        """Says what the stream sends."""
        self._events = events
        return self

    def changed_by(self, change: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        """Puts something between the stream and its client."""
        self._events = change(self._events)

    def on_close(self, action: Callable[[], None]) -> None:
        """Runs an action at the end of the answer, also when it never began."""
        self._on_close.append(action)

    def on_gone(self, action: Callable[[], None]) -> None:
        """Runs an action, which must be short, at the moment the client leaves."""
        self._on_gone.append(action)

    def gone(self) -> None:
        """Called when the client has left."""
        self.client_gone = True
        self.wake.set()
        for action in self._on_gone:
            action()

    def pause(self, until: float | None, name: str = "stream") -> Iterator[bytes]:
        """Waits until a time of the clock, or until `wake` is set; keeps the connection alive meanwhile."""
        while not self.wake.is_set():
            alive = self._clock.now() + self._keep_alive
            if until is not None and until <= alive:
                self._clock.wait(self.wake, until, name)
                return
            if not self._clock.wait(self.wake, alive, "keep-alive"):
                yield sse.COMMENT

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Called by the server after the answer."""
        if self._closed:
            return
        self._closed = True
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
        for action in self._on_close:
            action()


class StreamBody:
    """Lets a stream end its connection in the middle without a traceback."""

    def __init__(self, stream: EventStream):
        self._stream = stream
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
            self._ended = True
        except Cut:
            # What is written still goes out; the final chunk does not: the client sees a body that broke off.
            self._ended = True
            raise CutConnection from None
        finally:
            self.close()

    def close(self) -> None:
        """Called by the server after the answer; before its end only if nobody reads it any more."""
        if not self._ended and not self._stream.client_gone:
            self._stream.gone()
        self._stream.close()


class CutConnection(OSError):
    """waitress takes an OSError as the end of the connection and logs nothing."""


class Broadcast:
    """Events for any number of readers; one who comes late first gets the latest event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._ended = False
        self._readers: set[Event] = set()

    @property
    def latest(self) -> dict[str, Any] | None:
        """The last event."""
        with self._lock:
            return self._events[-1] if self._events else None

    def publish(self, event: dict[str, Any]) -> None:
        """Gives an event to all readers."""
        with self._lock:
            self._events.append(event)
            self._wake()

    def end(self) -> None:
        """Ends the streams of all readers, with the end marker."""
        with self._lock:
            self._ended = True
            self._wake()

    def read(self, stream: EventStream) -> Iterator[bytes]:
        """What one reader gets: the latest event, all that follow, the end marker."""
        with self._lock:
            self._readers.add(stream.wake)
            position = max(0, len(self._events) - 1)
            nothing_yet = not self._events and not self._ended
        try:
            if nothing_yet:
                yield sse.COMMENT  # status and headers leave now, not with the first event
            while not stream.client_gone:
                stream.wake.clear()
                with self._lock:
                    news, ended = self._events[position:], self._ended
                position += len(news)
                for event in news:
                    yield sse.event(event)
                if ended:
                    yield sse.DONE
                    return
                if not stream.client_gone:
                    yield from stream.pause(None)
        finally:
            with self._lock:
                self._readers.discard(stream.wake)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()
