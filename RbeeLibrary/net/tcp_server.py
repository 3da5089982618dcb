"""A server that hands each connection to a thread of its own, for programs that pass bytes on."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from ..clock.activity import Activity
from ..run.tcp_ports import closed
from .counted_socket import CountedSocket

_BACKLOG = 1024
_PIECE = 65536
_RESET = struct.pack("ii", 1, 0)


class TcpServer:
    """Accepts connections on a port that can be closed and opened again.

    Args:
        listener: a socket that listens already.
        activity: of this process.
        serve: called with each connection; must return soon, so it starts a job.
    """

    def __init__(self, listener: socket.socket, activity: Activity, serve: Callable[[CountedSocket], object]):
        self._listener = listener
        self._activity = activity
        self._serve = serve
        self._lock = threading.Lock()
        self._open: set[CountedSocket] = set()
        self._closed = False
        self._accepting = threading.Event()
        self._wakeup, self._waker = os.pipe()

    def start(self) -> None:
        """Starts to accept connections."""
        self._accepting.set()
        threading.Thread(target=self._accept_all, name="accept", daemon=True).start()

    def holds(self, *ends: CountedSocket) -> None:
        """Registers connections that `cut` and `finish` end."""
        with self._lock:
            self._open.update(ends)

    def drops(self, *ends: CountedSocket) -> None:
        """Closes connections and unregisters them."""
        for end in ends:
            end.close()
        with self._lock:
            self._open.difference_update(ends)

    def cut(self) -> None:
        """Ends all connections with a RST and refuses new ones until `accept`."""
        self.refuse()
        for end in self._ends():
            reset_at_close(end)
            end.cut()

    def refuse(self) -> None:
        """Closes the port; open connections continue."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._accepting.clear()
                self._listener = closed(self._listener)
                os.write(self._waker, b"w")  # wakes the thread that accepts: it waits for a descriptor, whose number the new socket may have got

    def accept(self) -> None:
        """Opens the port again."""
        with self._lock:
            if self._closed:
                self._closed = False
                self._listener.listen(_BACKLOG)
                self._accepting.set()

    def finish(self, limit: float) -> None:
        """Closes the port and all connections at once."""
        self.refuse()
        for end in self._ends():
            end.cut()

    def unread(self) -> bool:
        """Whether bytes or connections have arrived that no job has taken yet. Ask this before whether a job is at work: whatever arrived is in one of both."""
        return (not self._closed and _is_waiting(self._listener)) or any(end.has_unread() for end in self._ends())

    def undelivered(self) -> bool:
        """Whether bytes that were sent have not arrived at the other end yet."""
        return not all(end.is_delivered() for end in self._ends())

    def _ends(self) -> list[CountedSocket]:
        with self._lock:
            return list(self._open)

    def _accept_all(self) -> None:
        while True:
            self._accepting.wait()
            listener = self._listener
            try:
                listener.setblocking(False)
                self._await_connection(listener)
            except (OSError, ValueError):  # the port was closed
                continue
            with self._activity.job("accept"):  # before the connection leaves the queue of the port: `unread` sees it there, or this job
                try:
                    connection, address = listener.accept()
                except OSError:
                    continue
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(CountedSocket.adopt(self._activity, connection, address[1]))

    def _await_connection(self, listener: socket.socket) -> None:
        """Waits until a connection waits to be accepted, or the port is closed."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        if any(fd == self._wakeup for fd, _ in poll.poll()):
            os.read(self._wakeup, 1)


def reset_at_close(connection: socket.socket) -> None:
    """Makes a connection end with a RST when it is closed."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _is_waiting(listener: socket.socket) -> bool:
    """Whether a connection waits to be accepted."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))


def reset(connection: CountedSocket) -> None:
    """Makes a connection end with a RST when it is closed, and its reader stop now."""
    reset_at_close(connection)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


def pieces(source: CountedSocket) -> Iterator[bytes]:
    """The bytes of a connection as they come, up to its end."""
    buffer = bytearray(_PIECE)
    while count := source.recv_into(buffer):
        yield bytes(buffer[:count])
