"""fake-relay: a TCP line between two programs that can be cut, stalled and mended (contract 19)."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from ..clock.event import Event
from ..errors import HttpFailure
from ..net.counted_socket import CountedSocket
from ..net.http_client import reason
from ..net.tcp_server import TcpServer
from ..protocol.forms import host_and_port
from ..protocol.program_options import RelayOptions
from ..protocol.units import ByteSize
from .runtime.entry_point import launch
from .runtime.service import Service

_PIECE = 16384
_CONNECT_LIMIT = 10.0


class Relay(Service):
    """A relay from its port to another one; it forwards bytes without interpreting them."""

    def __init__(self, options: RelayOptions, listener: socket.socket | None):
        self.options: RelayOptions = options
        self.target = host_and_port(options.to)
        self.rate = int(options.rate)
        self.flows = Event()
        self.flows.set()
        super().__init__("fake-relay", options, listener)

    def make_server(self) -> Line:
        self._line = Line(self)
        return self._line

    def prepare(self) -> None:
        self.set_state("idle")
        if self.control is not None:
            self.control.on("cut", lambda _: self._line.cut())
            self.control.on("stall", lambda _: self.flows.clear())
            self.control.on("mend", lambda _: self._mend())
            self.control.on("rate", self._set_rate)

    def _mend(self) -> None:
        self.flows.set()
        self._line.accept()

    def _set_rate(self, order: dict[str, Any]) -> None:
        self.rate = int(ByteSize.parse(order["rate"]))


class Line(TcpServer):
    """The server of a relay: two threads per connection forward its bytes."""

    def __init__(self, relay: Relay):
        super().__init__(relay.listener, relay.clock.activity, lambda client: relay.spawn(self._forward, client, name="relay"))
        self._relay = relay

    def _forward(self, client: CountedSocket) -> None:
        relay = self._relay
        try:
            server = relay.client.connect(*relay.target, _CONNECT_LIMIT)
        except (HttpFailure, OSError) as error:
            relay.log(f"no line to {relay.options.to}: {error}")
            client.close()
            return
        self.holds(client, server)
        back = relay.spawn(self._pump, server, client, name="relay-back")
        self._pump(client, server)
        back.join()
        self.drops(client, server)

    def _pump(self, source: CountedSocket, target: CountedSocket) -> None:
        """Forwards one direction until its end, or until the line is cut."""
        clock, due = self._relay.clock, 0.0
        piece = bytearray(_PIECE)
        try:
            while count := source.recv_into(piece):
                with source.held():
                    if not self._relay.flows.is_set():
                        clock.wait(self._relay.flows, None, "stalled")
                    if self._relay.rate:
                        due = max(due, clock.now()) + count / self._relay.rate
                        clock.wait(None, due, "rate")
                target.sendall(piece[:count])
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._relay.log(f"the line broke: {reason(error)}")
            for end in (source, target):
                end.cut()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-relay`."""
    launch(Relay, RelayOptions, "fake-relay", argv, listener)


if __name__ == "__main__":
    main()
