"""Ports that are taken, closed, and given up a little late."""

from __future__ import annotations

import socket
import sys

import pytest

from RbeeLibrary.run import tcp_ports
from RbeeLibrary.run.tcp_ports import PortTaken, closed, listen


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let a socket keep its port")
def test_port_is_kept_when_nobody_listens_any_more():
    """Linux would give it to the next program that asks for any port."""
    with listen("127.0.0.1", 0) as listener, socket.socket() as thief:
        address = listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError, match="in use"):
            thief.bind(address)
        with closed(listener), pytest.raises(OSError, match="in use"):
            thief.bind(address)


def test_closed_port_refuses_and_opens_again():
    with closed(listen("127.0.0.1", 0)) as port:
        address = port.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5)
        port.listen()
        socket.create_connection(address, 5).close()


def test_port_that_is_given_up_while_its_holder_is_looked_for_is_free(monkeypatch):
    """The system closes what was on its way to a process that has ended a little after its end."""
    blocker = listen("127.0.0.1", 0)

    def nobody(port):
        blocker.close()
        return []

    monkeypatch.setattr(tcp_ports, "_holders", nobody)
    listen("127.0.0.1", blocker.getsockname()[1]).close()


def test_port_with_a_holder_is_taken():
    with listen("127.0.0.1", 0) as blocker, pytest.raises(PortTaken, match=r"port \d+ is taken by pid \d+ \(") as taken:
        listen("127.0.0.1", blocker.getsockname()[1])
    assert taken.value.is_seen


def test_port_whose_holder_cannot_be_seen_is_taken(monkeypatch):
    monkeypatch.setattr(tcp_ports, "_holders", lambda port: [])
    with listen("127.0.0.1", 0) as blocker, pytest.raises(PortTaken, match="is taken by a process that cannot be seen from here"):
        listen("127.0.0.1", blocker.getsockname()[1])
