"""Waits of an answer that is sent event by event."""

from __future__ import annotations

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.runtime.event_stream import EventStream
from RbeeLibrary.protocol import sse


@pytest.fixture
def stream():
    """A stream whose waits end as soon as their timers are armed, its clock, and the names of these timers."""
    clock, names = Clock(), []
    stream = EventStream(clock, 60)

    def armed():
        names.extend(timer.name for timer in clock.timers())
        stream.wake.set()

    clock.when_armed = armed
    return stream, clock, names


def test_silent_stream_is_kept_alive():
    pause = EventStream(Clock(), 0).pause(None)
    assert [next(pause), next(pause)] == [sse.COMMENT] * 2


def test_timer_of_a_wait_tells_what_comes_next(stream):
    stream, clock, names = stream
    for until, expected in ((None, "keep-alive"), (100, "keep-alive"), (20, "token")):
        stream.wake.clear()
        assert list(stream.pause(until and clock.now() + until, "token")) == []
        assert names.pop() == expected
    assert names == []


def test_wait_that_is_longer_than_the_pause_of_comments_has_comments_in_it():
    clock = Clock()
    assert next(EventStream(clock, 0).pause(clock.now() + 0.05)) == sse.COMMENT
