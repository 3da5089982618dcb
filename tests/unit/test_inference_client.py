"""How an inference ends that a scripted server answers, and how its tokens are read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from RbeeLibrary.clock.clock import Clock, ClockPage
from RbeeLibrary.net.http_client import HttpClient
from RbeeLibrary.run.tcp_ports import free_range
from RbeeLibrary.session.assertions import NotYet
from RbeeLibrary.session.inference.inference_client import Inference, Token
from RbeeLibrary.session.inference.inferences import next_token, token_gap
from RbeeLibrary.session.types import Daemon, InferenceState, Statistic

LIMIT = 5.0
STREAM = b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"token":"a"}\n\n'


def inference(port: int = 9, silence: float = LIMIT, clock: Clock | None = None) -> Inference:
    daemon = Daemon("worker-1", "worker", f"http://127.0.0.1:{port}", port, 1)
    http = HttpClient(clock or Clock(), "test")
    return Inference(http, daemon, "/v1/inference", "/v1/inference/r", {"request_id": "r", "prompt": "p"}, None, silence)


def with_tokens(*moments: float) -> Inference:
    one = inference()
    one.tokens = [Token(f"{number}", at) for number, at in enumerate(moments)]
    return one


@contextmanager
def answered(said: bytes, silence: float = LIMIT, clock: Clock | None = None, *, closes: bool = True) -> Iterator[Inference]:
    """An inference that a server has answered with these bytes; it closes the connection then, or says nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = inference(server.getsockname()[1], silence, clock)
        one.start()
        peer = server.accept()[0]
        with peer:
            peer.recv(65536)
            peer.sendall(said)
            if closes:
                peer.shutdown(socket.SHUT_WR)
            assert one.await_end(LIMIT)
            yield one


def refusal(body: bytes) -> bytes:
    return b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_refusal_in_plain_text_is_known_by_its_text():
    with answered(refusal(b"no such node")) as one:
        assert (one.state, one.error_code, one.refusal) == (InferenceState.refused, "", "no such node")


def test_refusal_that_is_no_utf_8_is_known_by_what_can_be_read_of_it():
    with answered(refusal(b"caf\xe9 is closed")) as one:
        assert (one.state, one.error_code, one.refusal) == (InferenceState.refused, "", "caf\ufffd is closed")


def test_refusal_with_an_error_code_is_known_by_its_code():
    with answered(refusal(b'{"error":{"code":"NODE_NOT_FOUND","message":"no such node"}}')) as one:
        assert (one.state, one.error_code, one.refusal) == (InferenceState.refused, "NODE_NOT_FOUND", "")


def test_program_that_refuses_the_connection_is_unreachable():
    one = inference(free_range(1))
    one.start()
    assert one.await_end(LIMIT)
    assert (one.state, one.error_code, one.error_message) == (InferenceState.refused, "UNREACHABLE", "Connection refused")


def test_stream_that_breaks_is_no_refusal():
    with answered(STREAM) as one:
        assert (one.state, one.error_message, one.refusal) == (InferenceState.broken, "the stream ended without [DONE]", "")


def test_stream_that_falls_silent_is_stalled_although_the_clock_stands_still(tmp_path):
    page = ClockPage.create(str(tmp_path))
    page.set(page.now(), 0)
    with answered(STREAM, 0.05, Clock(page), closes=False) as one:
        assert (one.state, one.text, one.error_message) == (InferenceState.stalled, "a", "nothing came for 0.05 s")


def test_tokens_are_read_one_after_the_other():
    one = with_tokens(1.0, 2.0, 3.0)
    assert [next_token(one, LIMIT) for _ in one.tokens] == ["0", "1", "2"]
    one.state = InferenceState.done
    with pytest.raises(AssertionError, match="brought no token after the first 3 and is done"):
        next_token(one, LIMIT)


def test_gaps_are_those_between_tokens():
    one = with_tokens(1.0, 1.5, 3.5, 4.5)
    gaps = [token_gap(one, statistic) for statistic in (Statistic.min, Statistic.median, Statistic.max)]
    assert gaps == [timedelta(seconds=seconds) for seconds in (0.5, 1.0, 2.0)]
    with pytest.raises(NotYet):
        token_gap(with_tokens(1.0), Statistic.min)
