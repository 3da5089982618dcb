"""Listens on TCP ports, finds free ones and names the process that holds a port."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import random
import socket
import sys

from ..errors import RbeeLibraryError


class PortTaken(RbeeLibraryError, OSError):
    """A port is already in use; the message names the process that holds it.

    Attributes:
        port: that is in use.
        is_seen: whether the process that holds it can be seen.
    """

    def __init__(self, port: int):
        holders = _holders(port)
        super().__init__(errno.EADDRINUSE, f"port {port} is taken by {_named(holders)}")
        self.port = port
        self.is_seen = bool(holders)

    def __str__(self) -> str:
        return str(self.strerror)


def listen(host: str, port: int, backlog: int = 1024) -> socket.socket:
    """Opens a listening socket.

    Args:
        host: address to bind.
        port: TCP port, 0 = the system picks one.
        backlog: number of connections that may wait to be accepted.

    Raises:
        PortTaken: another process has the port.
        OSError: the address cannot be used.
    """
    try:
        return _listening(host, port, backlog)
    except PortTaken as taken:
        if taken.is_seen:
            raise
    return _listening(host, port, backlog)  # while nobody was found, the system has closed what was on its way to a process that has ended


def _listening(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port or sys.platform != "linux":
            listener.bind((host, port))
        else:
            _bind_to_any(listener, host)
        listener.listen(backlog)  # not later: two sockets with SO_REUSEADDR can bind one port, and only `listen` fails
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port) from None
        raise
    return listener


def _bind_to_any(listener: socket.socket, host: str) -> None:
    """Binds a socket to a port that the system picks, as if it had asked for this one. Linux takes a port of its own choice back when the socket stops to
    listen, and gives it to somebody else.
    """
    with socket.socket(listener.family, socket.SOCK_STREAM) as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind((host, 0))
        listener.bind((host, first.getsockname()[1]))


def can_bind(host: str, port: int) -> bool:
    """Whether a port can be bound at this moment."""
    try:
        listen(host, port).close()
    except OSError:
        return False
    return True


def reachable(host: str) -> str:
    """The address at which a program on this machine answers that is bound to `host`: of `0.0.0.0` and `::` the loopback address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def http_url(host: str, port: int) -> str:
    """URL of a program that is bound to `host`; an IPv6 address stands in brackets."""
    address = reachable(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def address_of(url: str) -> str:
    """`HOST:PORT` of a URL."""
    return url.partition("//")[2].partition("/")[0]


def closed(listener: socket.socket) -> socket.socket:
    """Makes a port refuse connections but keeps it bound; `listen` on the returned socket opens it again.

    Raises:
        OSError: another process took the port while it was briefly unbound, which it is on some systems.
    """
    address = listener.getsockname()
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # also for threads that still hold it
    held = socket.socket(listener.family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(address)  # two sockets can have one port while neither listens
    except OSError:
        listener.close()
        held.bind(address)
    listener.close()
    return held


def free_range(count: int, low: int = 20000, high: int = 30000) -> int:
    """The first of `count` consecutive ports that are free at this moment.

    Args:
        count: number of ports.
        low: start of the range, which lies below the ports that the system picks by itself.
        high: end of the range.

    Raises:
        OSError: there are none in the range.
    """
    starts = range(low, high - count, count)
    chosen = random.randrange(len(starts))
    for number in range(len(starts)):
        first = starts[(chosen + number) % len(starts)]
        try:
            held = [listen("127.0.0.1", port) for port in range(first, first + count)]
        except OSError:
            continue
        for listener in held:
            listener.close()
        return first
    raise OSError(f"no {count} free ports in a row between {low} and {high}")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def holder(port: int) -> str:
    """Names the process that holds a port: `pid 4711 (fake-hive)`, or a text that says that it cannot be seen."""
    return _named(_holders(port))


def _named(pids: list[int]) -> str:
    return f"pid {pids[0]} ({program_name(pids[0])})" if pids else "a process that cannot be seen from here"


def program_name(pid: int) -> str:
    """Name of the program that a process runs: `fake-hive`, not the interpreter."""
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
