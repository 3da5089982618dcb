"""Reads the process table of the operating system, as `ps` does."""

import psutil
from robot.api.deco import keyword, library


@library(scope="GLOBAL")
class process_table:
    """Looks processes up by pid."""

    @keyword
    def get_process_names(self, pid: int) -> list[str]:
        """Returns the name of a process, then those of its parent, grandparent and so on."""
        process = psutil.Process(pid)
        return [one.name() for one in (process, *process.parents())]

    @keyword
    def get_parent_command_line(self, pid: int) -> str:
        """Returns the command line of a process's parent."""
        return " ".join(psutil.Process(pid).parent().cmdline()).strip()

    @keyword
    def get_child_pids(self, pid: int) -> list[int]:
        """Returns the pids of a process's children, zombies included."""
        return [child.pid for child in psutil.Process(pid).children()]

    @keyword
    def get_listening_ports(self, pid: int) -> list[int]:
        """Returns the ports on which a process listens."""
        return [connection.laddr.port for connection in psutil.Process(pid).net_connections() if connection.status == psutil.CONN_LISTEN]
