"""One direction of a relayed connection, without the relay's server."""

from __future__ import annotations

import socket
from types import SimpleNamespace

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.relay import Way
from RbeeLibrary.net.counted_socket import CountedSocket

LIMIT = 10.0


def test_line_that_breaks_ends_both_connections():
    said: list[str] = []
    clock = Clock(None)
    pairs = [socket.socketpair() for _ in range(2)]
    source, target = (CountedSocket(clock.activity, inner.family, inner.type, inner.proto, inner.detach()) for inner, _ in pairs)
    Way(SimpleNamespace(clock=clock, log=said.append), source, target, "1 there").broke(ConnectionResetError(104, "Connection reset by peer"))
    for _, outer in pairs:
        outer.settimeout(LIMIT)
        assert outer.recv(1) == b""
        outer.close()
    source.close()
    target.close()
    assert len(said) == 1
    assert said[0].startswith("the line broke: ")
