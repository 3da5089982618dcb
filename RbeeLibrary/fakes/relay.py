"""fake-relay: a TCP line between two programs that can be cut, stalled and mended (contract 19)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any

from ..clock.event import Event
from ..errors import HttpFailure
from ..net.counted_socket import CountedSocket
from ..net.http_client import reason
from ..protocol.forms import host_and_port
from ..protocol.program_options import RelayOptions
from ..protocol.units import ByteSize
from ..run.tcp_ports import closed
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


class Line:
    """The server of a relay: one thread accepts, two more per connection forward its bytes."""

    def __init__(self, relay: Relay):
        self._relay = relay
        self._listener = relay.listener
        self._lock = threading.Lock()
        self._open: set[CountedSocket] = set()
        self._closed = False
        self._accepting = threading.Event()

    def start(self) -> None:
        """Starts to accept connections."""
        self._accepting.set()
        threading.Thread(target=self._accept_all, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Ends all connections with a RST and refuses new ones until the line is mended."""
        self.refuse()
        for end in self._ends():
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.cut()

    def refuse(self) -> None:
        """Closes the port; open connections continue."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._accepting.clear()
                with contextlib.suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
                self._listener = closed(self._listener)

    def accept(self) -> None:
        """Opens the port again."""
        with self._lock:
            if self._closed:
                self._closed = False
                self._listener.listen(1024)
                self._accepting.set()

    def finish(self, limit: float) -> None:
        """Closes the port and all connections at once."""
        self.refuse()
        for end in self._ends():
            end.cut()

    def _ends(self) -> list[CountedSocket]:
        with self._lock:
            return list(self._open)

    def _accept_all(self) -> None:
        while True:
            self._accepting.wait()
            try:
                connection, address = self._listener.accept()
            except OSError:
                continue
            with self._relay.clock.activity.job("accept"):
                client = CountedSocket.adopt(self._relay.clock.activity, connection, address[1])
                self._relay.spawn(self._forward, client, name="relay")

    def _forward(self, client: CountedSocket) -> None:
        relay = self._relay
        try:
            server = relay.client.connect(*relay.target, _CONNECT_LIMIT)
        except (HttpFailure, OSError) as error:
            relay.log(f"no line to {relay.options.to}: {error}")
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
        back = relay.spawn(self._pump, server, client, name="relay-back")
        self._pump(client, server)
        back.join()
        for end in (client, server):
            end.close()
        with self._lock:
            self._open -= {client, server}

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
