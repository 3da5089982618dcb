"""The group Ports: ports that somebody else holds, in the way a test wants it."""

import socket

from robot.api import logger
from robot.api.deco import keyword

from ..run.tcp_ports import PortTaken
from ..session.assertions import UsageError
from ..session.types import PortMode

_BACKLOG_PROBES = 4


class PortKeywords:
    """The group Ports. The ports are held by the process that runs Robot Framework."""

    def __init__(self) -> None:
        self._held: dict[int, list[socket.socket]] = {}

    @keyword
    def occupy_port(self, port: int = 0, *, mode: PortMode = PortMode.listen) -> int:
        """Holds a TCP port on 127.0.0.1 until the end of the test or suite that asked for it.

        Args:
            port: The port; 0 lets the system pick.
            mode: `listen` accepts connections and says nothing, `refuse` refuses them, `ignore` lets them hang.

        Returns:
            The port.

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
        logger.info(f"holding port {number} ({mode.value})")
        return number

    @keyword
    def release_port(self, port: int) -> None:
        """Gives an occupied port free.

        Args:
            port: The port, as `Occupy Port` returned it.

        Raises:
            UsageError: it is not occupied by this library.
        """
        if port not in self._held:
            raise UsageError(f"port {port} is not occupied by Occupy Port; occupied are {', '.join(map(str, self._held)) or 'none'}")
        for held in self._held.pop(port):
            held.close()
        logger.info(f"released port {port}")

    # --- for the library ---

    def held(self) -> set[int]:
        """The ports that are held."""
        return set(self._held)

    def release_all_but(self, keep: set[int]) -> None:
        """Gives ports free at the end of what occupied them."""
        for port in [port for port in self._held if port not in keep]:
            for held in self._held.pop(port):
                held.close()


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
