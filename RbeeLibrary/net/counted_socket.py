"""Client connections whose bytes are counted, so that everybody knows what is still under way."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from typing import Any

from ..clock.activity import Activity, Link, ParkedJob

_SOON = 20
"""Milliseconds that connecting may take and still count as work: on one machine it is done at once or hangs."""


class CountedSocket(socket.socket):
    """A TCP connection of a client. Whoever reads from it is at rest until something comes or `cut` ends it.

    Args:
        activity: of this process.
    """

    def __init__(self, activity: Activity, family: int, kind: int, protocol: int, fileno: int | None = None):
        super().__init__(family, kind, protocol, fileno)
        self._activity = activity
        self._link: Link | None = None
        self._rest: ParkedJob | None = None
        self._cut = False

    @classmethod
    def adopt(cls, activity: Activity, accepted: socket.socket, client_port: int) -> CountedSocket:
        """The serving end of a connection that was accepted."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        made = cls(activity, family, kind, protocol, accepted.detach())
        made._link = activity.open_link(client_port, made.getsockname()[1], serves=True)
        return made

    def connect(self, address: Any) -> None:
        """Connects; `cut` ends the attempt."""
        self.setblocking(False)
        failure = self.connect_ex(address)
        if failure == errno.EINPROGRESS:
            self._await_connected()
            failure = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._cut:
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        if failure:
            raise OSError(failure, os.strerror(failure))
        self.setblocking(True)
        self._link = self._activity.open_link(self.getsockname()[1], address[1], serves=False)

    def _await_connected(self) -> None:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        if not poll.poll(_SOON):
            with self._resting():
                poll.poll()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Sends, and counts."""
        if self._link is not None:
            self._activity.wrote(self._link, memoryview(data).nbytes)
        super().sendall(data, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receives, and counts."""
        try:
            with self._reading(), self._resting():
                count = super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            raise
        except OSError:
            self._end()
            raise
        if self._link is not None:
            if count:
                self._activity.read(self._link, count)
            else:
                self._end()
        return count

    def await_end(self) -> None:
        """Reads until the other side ends the connection, or `cut` does."""
        scrap = bytearray(4096)
        with contextlib.suppress(OSError):
            while self.recv_into(scrap):
                continue

    def cut(self) -> None:
        """Ends the connection, from any thread; a read that waits ends at once."""
        with self._activity.mutex:
            self._cut = True
            if self._rest is not None:
                self._rest.end_locked()
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection, once nobody reads from it through a file any more."""
        super().close()
        if self.fileno() < 0:
            self._end()

    def _end(self) -> None:
        if self._link is not None:
            self._activity.end_link(self._link)

    @contextlib.contextmanager
    def held(self) -> Any:
        """Within the block what comes is left unread by intention, and is not under way."""
        if self._link is None:
            yield
            return
        with self._activity.mutex:
            self._link.held = True
        try:
            yield
        finally:
            with self._activity.mutex:
                self._link.held = False

    @contextlib.contextmanager
    def _reading(self) -> Any:
        if self._link is None:
            yield
            return
        self._link.reading = True
        try:
            yield
        finally:
            self._link.reading = False

    @contextlib.contextmanager
    def _resting(self) -> Any:
        rest = self._rest = ParkedJob(self._activity)
        rest.begin(unless=lambda: self._cut)
        try:
            yield
        finally:
            rest.end()
