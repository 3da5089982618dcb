"""Server-sent events: read as the WHATWG says, wherever the bytes are cut; sseclient-py and httpx-sse are the oracles."""

from __future__ import annotations

import json

import pytest
import sseclient
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given, settings
from hypothesis import strategies as st

from RbeeLibrary.protocol import sse
from RbeeLibrary.protocol.sse import Parser, ServerSentEvent

RELAXED = settings(max_examples=200, deadline=None, database=None)
# No line ends inside a field; NUL only has a meaning in ids, where the oracles differ.
TEXT = st.text(st.characters(blacklist_characters="\r\n\0\ufeff", blacklist_categories=["Cs"]), max_size=12)
LINES = st.one_of(
    st.builds("data: {}".format, TEXT),
    st.builds("data:{}".format, TEXT),
    st.builds("event: {}".format, TEXT),
    st.builds("id: {}".format, TEXT),
    st.builds(": {}".format, TEXT),
    st.builds("nonsense: {}".format, TEXT),
    st.just("data"),
)
BLOCKS = st.lists(st.lists(LINES, min_size=1, max_size=5), max_size=6)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def encoded(blocks: list[list[str]], end: str) -> bytes:
    return "".join("".join(line + end for line in block) + end for block in blocks).encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    positions = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *positions], [*positions, len(data)], strict=True)]


def parsed(chunks: list[bytes]) -> list[ServerSentEvent]:
    parser = Parser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def by_httpx(data: bytes) -> list[tuple[str, str, str]]:
    lines, decoder = SSELineDecoder(), SSEDecoder()
    found = [decoder.decode(line) for line in [*lines.decode(data.decode()), *lines.flush()]]
    return [(event.data, event.event, event.id) for event in found if event is not None and event.data]


@RELAXED
@given(BLOCKS, ENDS, st.lists(st.integers(0, 10_000), max_size=12))
def test_cuts_change_nothing(blocks, end, cuts):
    data = encoded(blocks, end)
    assert parsed(pieces(data, cuts)) == parsed([data])


@RELAXED
@given(BLOCKS, ENDS)
def test_same_events_as_httpx_sse(blocks, end):
    """httpx-sse also dispatches events without data; the rules say to drop them, so they are left out on both sides."""
    data = encoded(blocks, end)
    mine = [(event.data, event.type, event.id) for event in parsed([data]) if event.data]
    theirs = [(text, kind or "message", number) for text, kind, number in by_httpx(data)]
    assert mine == theirs


@RELAXED
@given(st.lists(st.lists(st.builds("data: {}".format, TEXT.filter(str.strip)), min_size=1, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_same_data_as_sseclient(blocks, end):
    """Only data fields: sseclient-py knows no ids that stay in force, and takes other ends of line than the rules do."""
    blocks = [[line for line in block if not any(char in line for char in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")] for block in blocks]
    data = encoded([block for block in blocks if block], end)
    theirs = [event.data for event in sseclient.SSEClient(iter([data])).events()]
    assert [event.data for event in parsed([data])] == theirs


@RELAXED
@given(BLOCKS.filter(bool), ENDS, st.integers(1, 10_000))
def test_event_that_the_end_cuts_off_is_not_delivered(blocks, end, cut):
    data = encoded(blocks, end)
    whole = parsed([data])
    part = parsed([data[: cut % len(data)]])
    assert part == whole[: len(part)]


def test_cut_event_shows_as_rest():
    parser = Parser()
    assert parser.feed(b'data: {"t":"a"}\n\ndata: {"t":"b') == [ServerSentEvent('{"t":"a"}')]
    assert parser.rest == 'data: {"t":"b'
    assert parser.feed(b'"}\n\n') == [ServerSentEvent('{"t":"b"}')]
    assert parser.rest == ""


def test_character_cut_in_the_middle_arrives_whole():
    parser = Parser()
    data = "data: 蜂🐝\n\n".encode()
    events = [event for index in range(len(data)) for event in parser.feed(data[index : index + 1])]
    assert events == [ServerSentEvent("蜂🐝")]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"\xef\xbb\xbfdata: x\n\n", [ServerSentEvent("x")]),
        (b"data:\n\n", [ServerSentEvent("")]),
        (b"data\ndata\n\n", [ServerSentEvent("\n")]),
        (b"data:  two blanks\n\n", [ServerSentEvent(" two blanks")]),
        (b": comment\n\n", []),
        (b"event: empty\n\n", []),
        (b"event: a\ndata: x\n\ndata: y\n\n", [ServerSentEvent("x", "a"), ServerSentEvent("y")]),
        (b"id: 7\ndata: x\n\ndata: y\n\n", [ServerSentEvent("x", id="7"), ServerSentEvent("y", id="7")]),
        (b"id: 1\0\ndata: x\n\n", [ServerSentEvent("x")]),
        (b"data: a\r\ndata: b\rdata: c\n\r\n", [ServerSentEvent("a\nb\nc")]),
        (b"data: \xff\n\n", [ServerSentEvent("\ufffd")]),
        (b"event:\ndata: x\n\n", [ServerSentEvent("x")]),
    ],
)
def test_corners_of_the_rules(stream, events):
    assert parsed([stream]) == events
    assert parsed([stream[index : index + 1] for index in range(len(stream))]) == events


@RELAXED
@given(st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none()), max_size=4))
def test_what_is_written_is_read(value):
    (event,) = parsed([sse.event(value)])
    assert event.json() == value


def test_event_is_compact_and_not_escaped():
    assert sse.event({"t": " größer"}) == 'data: {"t":" größer"}\n\n'.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"t": "Once"}, "Once"),
        ({"token": " upon", "index": 1}, " upon"),
        ({"type": "token", "t": "x", "i": 0}, "x"),
        ({"t": ""}, ""),
        ({"done": True, "total_tokens": 2}, None),
        ({"type": "started", "job_id": "r"}, None),
        ({"type": "end", "tokens_out": 2}, None),
        ({"type": "error", "code": "VRAM_OOM"}, None),
        ({"type": "error", "code": "INVALID_TOKEN", "token": "\ufffd"}, None),
        ({"stage": "ready"}, None),
        ({"t": 7}, None),
    ],
)
def test_token_of_all_three_shapes(value, text):
    assert sse.token_text(value) == text


def test_only_the_end_marker_is_done():
    assert ServerSentEvent("[DONE]").is_done
    assert not ServerSentEvent(json.dumps({"done": True})).is_done
    assert ServerSentEvent("[DONE]").json() is None
