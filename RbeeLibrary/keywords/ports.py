"""The group Ports: occupying ports."""

from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ..session.network.occupied_ports import OccupiedPorts
from ..session.types import PortMode
from .argument_types import Default, PortNumber

_ANY: Any = Default(0)


class PortKeywords:
    """Keywords of the group Ports. The process that runs Robot Framework holds the ports."""

    def __init__(self, ports: OccupiedPorts):
        self._ports = ports

    @keyword
    def occupy_port(self, port: PortNumber = _ANY, *, mode: PortMode = PortMode.listen) -> int:
        """Occupies a TCP port on 127.0.0.1 until the end of the test or suite.

        Args:
            port: The port; 0 = any free port.
            mode: `listen` accepts connections and sends nothing, `refuse` refuses connections, `ignore` lets them hang.

        Returns:
            The port.

        Raises:
            UsageError: the port is in use; the message names the process that holds it.
        """
        number = self._ports.occupy(port, mode)
        logger.info(f"holding port {number} ({mode.value})")
        return number

    @keyword
    def release_port(self, port: PortNumber) -> None:
        """Releases an occupied port.

        Args:
            port: The port, as returned by `Occupy Port`.

        Raises:
            UsageError: the port is not occupied by this library.
        """
        self._ports.release(port)
        logger.info(f"released port {port}")
