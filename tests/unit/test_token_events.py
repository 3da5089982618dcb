"""The last events of an inference stream."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.fakes.worker.token_events import SHAPES
from RbeeLibrary.protocol.sse import Parser


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("plain", []),
        ("indexed", [{"done": True, "total_tokens": 3, "duration_ms": 1500}]),
        ("typed", [{"type": "end", "tokens_out": 3, "decode_time_ms": 1500, "stop_reason": "EOS"}]),
    ],
)
def test_end_tells_how_long_the_tokens_took(shape, expected):
    clock = SimpleNamespace(now=lambda: 100.0)
    events = SHAPES[shape]("r", "m", clock)
    clock.now = lambda: 101.5
    assert [event.json() for event in Parser().feed(b"".join(events.end(3, "EOS")))] == expected
