"""Answers that are written event by event, and events for several readers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from ...clock.clock import Clock
from ...clock.event import Event
from ...faults.base import Cut
from ...protocol import sse


class Abort(Cut):
    """Ends the connection in the middle of the body, so that no client takes a partial answer for a complete one."""


class EventStream:
    """An answer that is being sent event by event: its waits, and whether its client is still connected.

    Args:
        clock: measures the waits.
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
        """Set to end the current wait: the client has left, the request was cancelled, or there are events to send."""
        self.client_gone = False

    def carries(self, events: Iterator[bytes]) -> EventStream:
        """Sets the events of the answer; returns the stream."""
        self._events = events
        return self

    def changed_by(self, change: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        """Passes the events through a filter before they are sent."""
        self._events = change(self._events)

    def on_close(self, action: Callable[[], None]) -> None:
        """Registers an action for the end of the answer; it runs even if the answer never began."""
        self._on_close.append(action)

    def on_gone(self, action: Callable[[], None]) -> None:
        """Registers an action for the moment when the client leaves; it must be short."""
        self._on_gone.append(action)

    def gone(self) -> None:
        """Marks the client as gone and runs the actions registered for it."""
        self.client_gone = True
        self.wake.set()
        for action in self._on_gone:
            action()

    def pause(self, until: float | None, name: str = "stream") -> Iterator[bytes]:
        """Waits until a time of the clock, or until `wake` is set; yields comments that keep the connection alive."""
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
        """Closes the events and runs the actions for the end, once; called by the server after the answer."""
        if self._closed:
            return
        self._closed = True
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
        for action in self._on_close:
            action()


class StreamBody:
    """Body of a stream for the server; turns an intended break into a closed connection without a traceback.

    Args:
        stream: that is sent.
        on_error: called with an error that nobody intended, before the server prints it and closes the connection.
    """

    def __init__(self, stream: EventStream, on_error: Callable[[Exception], object]):
        self._stream = stream
        self._on_error = on_error
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
            self._ended = True
        except Cut:
            # Bytes written so far still go out, the final chunk does not: the client sees a body that broke off.
            self._ended = True
            raise CutConnection from None
        except Exception as error:
            self._on_error(error)
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Closes the stream; called by the server after the answer, or earlier if the client has left."""
        if not self._ended and not self._stream.client_gone:
            self._stream.gone()
        self._stream.close()


class CutConnection(OSError):
    """Closes the connection: waitress takes an OSError for a lost connection and logs nothing."""


class Broadcast:
    """Events for any number of readers; a late reader starts with the latest event."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._ended = False
        self._readers: set[Event] = set()

    @property
    def latest(self) -> dict[str, Any] | None:
        """The latest event, or None before the first one."""
        with self._lock:
            return self._events[-1] if self._events else None

    def publish(self, event: dict[str, Any]) -> None:
        """Sends an event to all readers."""
        with self._lock:
            self._events.append(event)
            self._wake()

    def end(self) -> None:
        """Ends the streams of all readers, with the end marker."""
        with self._lock:
            self._ended = True
            self._wake()

    def read(self, stream: EventStream) -> Iterator[bytes]:
        """Events for one reader: the latest one, all that follow, then the end marker."""
        with self._lock:
            self._readers.add(stream.wake)
            position = max(0, len(self._events) - 1)
            nothing_yet = not self._events and not self._ended
        try:
            if nothing_yet:
                yield sse.COMMENT  # sends status and headers now, not with the first event
            while not stream.client_gone:
                stream.wake.clear()
                with self._lock:
                    new_events, ended = self._events[position:], self._ended
                position += len(new_events)
                for event in new_events:
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
