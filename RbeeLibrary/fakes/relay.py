"""fake-relay: a TCP line between two programs that can be cut, stalled, slowed and mended (contract 19)."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections import deque
from typing import Any

from ..clock.event import Event
from ..errors import HttpFailure
from ..faults.keyed_random import draw
from ..net.counted_socket import CountedSocket
from ..net.http_client import reason
from ..net.kernel_link import KernelLink
from ..net.tcp_server import TcpServer
from ..protocol.forms import host_and_port
from ..protocol.program_options import RelayOptions
from ..protocol.units import ByteSize
from .runtime.entry_point import launch
from .runtime.program import Job
from .runtime.service import Service

_PIECE = 16384
_CONNECT_LIMIT = 10.0
_SENT_AGAIN = 0.2
"""Seconds after which TCP sends a lost packet again; twice as long after each further loss."""
_MOST_LOSSES = 8
_MOST_UNDER_WAY = 1 << 20
"""Bytes under way in one direction, after which no more are read."""


class Relay(Service):
    """A relay from its port to another one; it forwards bytes without interpreting them."""

    def __init__(self, options: RelayOptions, listener: socket.socket | None):
        self.options: RelayOptions  # set by the base class
        self.target = host_and_port(options.to)
        self.rate = int(options.rate)
        self.latency = float(options.latency)
        self.loss = options.loss
        self.flows = Event()
        self.flows.set()
        self.numbers = itertools.count(1)
        self.link = KernelLink(options.latency, options.loss) if options.kernel else None
        super().__init__("fake-relay", options, listener)

    def make_server(self) -> Line:
        if self.link is None:
            self._line = Line(self, self.listener, self.target)
            return self._line
        far = Line(self, self.link.listener, self.target)
        far.start()
        self._line = Line(self, self.listener, self.link.listener.getsockname())
        return self._line

    def prepare(self) -> None:
        self.set_state("idle")
        if self.control is not None:
            self.control.on("cut", lambda _: self._line.cut())
            self.control.on("stall", lambda _: self._stall())
            self.control.on("mend", lambda _: self._mend())
            self.control.on("rate", self._set_rate)
            self.control.on("delay", self._set_delay)

    def _stall(self) -> None:
        if self.link is not None:
            self.link.down()
        else:
            self.flows.clear()

    def _mend(self) -> None:
        if self.link is not None:
            self.link.up()
        self.flows.set()
        self._line.accept()

    def _set_rate(self, order: dict[str, Any]) -> None:
        self.rate = int(ByteSize.parse(order["rate"]))

    def _set_delay(self, order: dict[str, Any]) -> None:
        if self.link is not None:
            self.link.delay(order["latency"], order["loss"])
        else:
            self.latency, self.loss = order["latency"], order["loss"]


class Line(TcpServer):
    """The server of a relay: two threads per connection forward its bytes.

    Args:
        relay: whose line it is.
        listener: a socket that listens already.
        target: where it leads.
    """

    def __init__(self, relay: Relay, listener: socket.socket, target: tuple[str, int]):
        super().__init__(listener, relay.clock.activity, lambda client: relay.spawn(self._forward, client, next(relay.numbers), name="relay"))
        self._relay = relay
        self._target = target

    def _forward(self, client: CountedSocket, number: int) -> None:
        relay = self._relay
        try:
            server = relay.client.connect(*self._target, _CONNECT_LIMIT)
        except (HttpFailure, OSError) as error:
            relay.log(f"no line to {self._target[0]}:{self._target[1]}: {error}")
            client.close()
            return
        self.holds(client, server)
        back = relay.spawn(self._pump, server, client, f"{number} back", name="relay-back")
        self._pump(client, server, f"{number} there")
        back.join()
        self.drops(client, server)

    def _pump(self, source: CountedSocket, target: CountedSocket, name: str) -> None:
        """Forwards one direction until its end, or until the line is cut."""
        clock, due = self._relay.clock, 0.0
        way = Way(self._relay, source, target, name)
        piece = bytearray(_PIECE)
        try:
            while count := source.recv_into(piece):
                with source.held():
                    if not self._relay.flows.is_set():
                        clock.wait(self._relay.flows, None)
                    if self._relay.rate:
                        due = max(due, clock.now()) + count / self._relay.rate
                        clock.wait(None, due, "rate")
                    way.send(bytes(piece[:count]))
            way.end()
        except OSError as error:
            way.broke(error)


class Way:
    """One direction of a connection: bytes under way arrive in order, each after the latency of the line, and later if it was lost.

    Args:
        relay: with latency and loss.
        source: where the bytes come from.
        target: where they go.
        name: key of its draws: number of the connection, and direction.
    """

    def __init__(self, relay: Relay, source: CountedSocket, target: CountedSocket, name: str):
        self._relay = relay
        self._ends = (source, target)
        self._target = target
        self._name = name
        self._sent = 0
        self._due = 0.0
        self._size = 0
        self._lock = threading.Lock()
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._changed = Event()
        self._room = Event()
        self._job: Job | None = None

    def send(self, data: bytes) -> None:
        """Sends bytes; they arrive later if the line has a latency, or if some are under way; those of a kernel link are late by themselves."""
        relay = self._relay
        if relay.link is not None or (self._job is None and not relay.latency and not relay.loss):
            self._target.sendall(data)
            return
        self._due = max(self._due, relay.clock.now() + relay.latency + self._lost_for())
        self._sent += 1
        self._under_way.append((self._due, data))
        self._grow(len(data))
        self._changed.set()
        if self._job is None:
            self._job = relay.spawn(self._deliver, name="latency")
        while self._size > _MOST_UNDER_WAY and not self._job.done.is_set():
            self._room.clear()
            if self._size > _MOST_UNDER_WAY:
                relay.clock.wait(self._room, None)

    def end(self) -> None:
        """Tells the target that nothing more comes, after everything that is under way."""
        if self._job is not None:
            self._under_way.append((self._due, b""))
            self._changed.set()
            self._job.join()
        else:
            self._shut()

    def broke(self, error: OSError) -> None:
        """Ends both connections."""
        self._relay.log(f"the line broke: {reason(error)}")
        for end in self._ends:
            end.cut()
        self._under_way.append((0.0, b""))
        self._changed.set()

    def _grow(self, count: int) -> None:
        with self._lock:  # one thread reads, another one delivers
            self._size += count

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)

    def _lost_for(self) -> float:
        """Seconds until the bytes come that are lost; 0 if they are not."""
        losses = 0
        while losses < _MOST_LOSSES and draw(self._relay.options.seed, self._name, self._sent, losses) < self._relay.loss:
            losses += 1
        return float(_SENT_AGAIN * (2**losses - 1))

    def _deliver(self) -> None:
        clock = self._relay.clock
        try:
            while True:
                clock.wait(self._changed, None)
                self._changed.clear()
                while self._under_way:
                    due, data = self._under_way[0]
                    clock.wait(None, due, "latency")
                    if not self._relay.flows.is_set():
                        clock.wait(self._relay.flows, None)
                    if not data:
                        self._shut()
                        return
                    self._target.sendall(data)
                    self._under_way.popleft()
                    self._grow(-len(data))
                    self._room.set()
        except OSError as error:
            self.broke(error)
        finally:
            self._room.set()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-relay`."""
    launch(Relay, RelayOptions, "fake-relay", argv, listener)


if __name__ == "__main__":
    main()
