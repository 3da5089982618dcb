"""TCP ports that the session holds, so that programs find them taken."""

from __future__ import annotations

import socket

from ...errors import UsageError
from ...run.tcp_ports import PortTaken
from ..types import PortMode

_BACKLOG_PROBES = 4


class OccupiedPorts:
    """Ports on 127.0.0.1 that are held by this process."""

    def __init__(self) -> None:
        self._held: dict[int, list[socket.socket]] = {}

    def occupy(self, port: int, mode: PortMode) -> int:
        """Holds a port.

        Args:
            port: its number; 0 lets the system pick.
            mode: how the port behaves.

        Returns:
            Its number.

        Raises:
            UsageError: the port is taken; the message names who holds it.
        """
        holder = socket.socket()
        sockets = [holder]
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
            if mode is not PortMode.refuse:
                holder.listen(0 if mode is PortMode.ignore else 128)
        except OSError:
            holder.close()
            raise UsageError(str(PortTaken(port))) from None
        number = int(holder.getsockname()[1])
        if mode is PortMode.ignore:
            sockets += _fill_backlog(number)
        self._held[number] = sockets
        return number

    def release(self, port: int) -> None:
        """Releases a port.

        Raises:
            UsageError: it is not held.
        """
        if port not in self._held:
            raise UsageError(f"port {port} is not occupied by Occupy Port; occupied are {', '.join(map(str, self._held)) or 'none'}")
        for held in self._held.pop(port):
            held.close()

    def held(self) -> set[int]:
        """Numbers of the held ports."""
        return set(self._held)

    def release_all_but(self, keep: set[int]) -> None:
        """Releases all ports but some."""
        for port in [port for port in self._held if port not in keep]:
            self.release(port)


def _fill_backlog(port: int) -> list[socket.socket]:
    """Connections that nobody accepts, until the next one would hang."""
    fillers = []
    for _ in range(_BACKLOG_PROBES):
        filler = socket.socket()
        filler.settimeout(0.05)
        fillers.append(filler)
        try:
            filler.connect(("127.0.0.1", port))
        except OSError:
            break
    return fillers
