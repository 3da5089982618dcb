"""Which addresses a program can reach. A partition of the network holds its connections to the others back, as if every packet were lost."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..clock.event import Event
from ..run import environment

Address = tuple[str, int]


@dataclass(eq=False, repr=False)
class _Kept:
    """A connection that its program has closed, of which the peer has not heard yet."""

    peer: Address
    connection: socket.socket
    how: int
    when_ended: Callable[[], None]


class Reach:
    """Addresses that this process cannot reach at present.

    A connection to one of them is not broken: an attempt to connect gets no answer, and data and ends arrive once the address can be reached again.

    Args:
        when_held: called with an address when a connection to it is held back.
    """

    def __init__(self, when_held: Callable[[str], None]):
        self._when_held = when_held
        self._lock = threading.Lock()
        self._closed: dict[Address, Event] = {}
        self._kept: list[_Kept] = []
        self.limit_to(filter(None, os.environ.get(environment.UNREACHABLE, "").split(",")))

    def limit_to(self, unreachable: Iterable[str]) -> None:
        """Sets all addresses, as `HOST:PORT`, that cannot be reached from now on."""
        wanted = {address for text in unreachable for address in _addresses(text)}
        with self._lock:
            opened = [self._closed.pop(address) for address in list(self._closed) if address not in wanted]
            for address in wanted:
                self._closed.setdefault(address, Event())
            told = [kept for kept in self._kept if kept.peer not in wanted]
            self._kept = [kept for kept in self._kept if kept.peer in wanted]
        for event in opened:
            event.set()
        for kept in told:
            kept.when_ended()
            with contextlib.suppress(OSError):
                kept.connection.shutdown(kept.how)
            kept.connection.close()

    def environment(self) -> dict[str, str]:
        """Variables by which a child reaches no more than this process."""
        with self._lock:
            return {environment.UNREACHABLE: ",".join(f"{host}:{port}" for host, port in sorted(self._closed))} if self._closed else {}

    def closed(self, peer: Address) -> Event | None:
        """An event that is set when an address can be reached again; None if it can be reached now."""
        return self._closed.get(peer) if self._closed else None

    def hold(self, peer: Address) -> None:
        """Reports that a connection is held back."""
        self._when_held(f"{peer[0]}:{peer[1]}")

    def keep(self, peer: Address, connection: socket.socket, how: int, when_ended: Callable[[], None]) -> bool:
        """Keeps a connection open that its program ends, wholly or in one direction, until the peer can hear of it.

        Args:
            peer: its other end.
            connection: that is ended.
            how: as for `socket.shutdown`.
            when_ended: called when the peer is told.

        Returns:
            Whether it is kept: not if the peer can be reached.
        """
        with self._lock:
            if peer not in self._closed:
                return False
            self._kept.append(_Kept(peer, socket.socket(fileno=os.dup(connection.fileno())), how, when_ended))
        self.hold(peer)
        return True


def _addresses(text: str) -> list[Address]:
    host, _, port = text.rpartition(":")
    hosts = ["127.0.0.1", "::1"] if host == "localhost" else [host.strip("[]")]
    return [(one, int(port)) for one in hosts]
