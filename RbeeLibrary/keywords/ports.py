"""The group Ports: ports that somebody else holds, in the way a test wants it."""

from robot.api import logger
from robot.api.deco import keyword

from ..session.occupied_ports import OccupiedPorts
from ..session.types import PortMode


class PortKeywords:
    """The group Ports. The ports are held by the process that runs Robot Framework."""

    def __init__(self, ports: OccupiedPorts):
        self._ports = ports

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
        number = self._ports.occupy(port, mode)
        logger.info(f"holding port {number} ({mode.value})")
        return number

    @keyword
    def release_port(self, port: int) -> None:
        """Releases an occupied port.

        Args:
            port: The port, as `Occupy Port` returned it.

        Raises:
            UsageError: it is not occupied by this library.
        """
        self._ports.release(port)
        logger.info(f"released port {port}")
