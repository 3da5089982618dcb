"""Who holds a TCP port."""

from __future__ import annotations

import errno
import ipaddress
import os
import random
import socket

from ..errors import RbeeLibraryError


class PortTaken(RbeeLibraryError, OSError):
    """A wanted port is taken; the message names who holds it."""

    def __init__(self, port: int):
        super().__init__(errno.EADDRINUSE, f"port {port} is taken by {holder(port)}")
        self.port = port

    def __str__(self) -> str:
        return str(self.strerror)


def listen(host: str, port: int, backlog: int = 1024) -> socket.socket:
    """Binds and listens in one go: two sockets with SO_REUSEADDR may both bind a port, only `listen` tells.

    Raises:
        PortTaken: somebody else has the port.
        OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port) from None
        raise
    return listener


def closed(listener: socket.socket) -> socket.socket:
    """Lets a port refuse connections while it stays taken; `listen` on the socket that comes back opens it again.

    Raises:
        OSError: somebody took the port in the moment between.
    """
    address, family = listener.getsockname(), listener.family
    listener.close()
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(address)
    return held


def free_range(count: int, low: int = 20000, high: int = 30000) -> int:
    """The first of `count` ports in a row that nobody holds at this moment, below those that the system picks by itself.

    Raises:
        OSError: there is none in the range.
    """
    starts = list(range(low, high - count, count))
    random.shuffle(starts)
    for first in starts:
        try:
            held = [listen("127.0.0.1", port) for port in range(first, first + count)]
        except OSError:
            continue
        for listener in held:
            listener.close()
        return first
    raise OSError(f"no {count} free ports in a row between {low} and {high}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def holder(port: int) -> str:
    """Says who holds a port: `pid 4711 (fake-hive)`, or that it cannot be seen."""
    for pid in _holders(port):
        return f"pid {pid} ({program_name(pid)})"
    return "a process that cannot be seen from here"


def program_name(pid: int) -> str:
    """The program that a person would name: `fake-hive`, not the interpreter that runs it."""
    import psutil

    try:
        process = psutil.Process(pid)
        words = [os.path.basename(word) for word in process.cmdline() if word]
        name = process.name()
    except psutil.Error:
        return "ended meanwhile"
    if words and words[0].startswith("python"):
        return next((word for word in words[1:] if not word.startswith("-")), words[0])
    return words[0] if words else name


def _holders(port: int) -> list[int]:
    import psutil

    found = set()
    for process in psutil.process_iter():
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        if any(connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN for connection in connections):
            found.add(process.pid)
    return sorted(found)
