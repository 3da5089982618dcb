"""Sockets that count their bytes, so that the clock knows what is in flight."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from typing import Any

from ..clock.activity import Activity, Link, ParkedJob
from ..clock.event import Waiter
from ..run.interruption import interruptible
from .arrival import has_arrived, received_by
from .reach import Address, Reach

_SOON = 20
"""Milliseconds of connecting that count as work; on one machine a connection succeeds immediately or hangs."""


class CountedSocket(socket.socket):
    """A TCP connection with counted bytes. A job that reads from it is at rest until data arrives or `cut` ends the connection.

    Args:
        activity: of this process.
        family: address family, as for `socket.socket`.
        kind: socket type, as for `socket.socket`.
        protocol: as for `socket.socket`.
        fileno: of an open socket, None = a new one.
        reach: which peers can be reached; None = all.
    """

    def __init__(self, activity: Activity, family: int, kind: int, protocol: int, fileno: int | None = None, reach: Reach | None = None):
        super().__init__(family, kind, protocol, fileno)
        self._activity = activity
        self._link: Link | None = None
        self._rest: ParkedJob | None = None
        self._cut = False
        self._reach = reach
        self._peer: Address = ("", 0)
        self._waiters: list[Waiter] = []
        self._is_kept = False
        self._is_unread = False
        self.most_at_once = 0
        """Bytes that are read at once, for a client that really does not read more; 0 = as many as there are."""

    @classmethod
    def adopt(cls, activity: Activity, accepted: socket.socket, client_port: int) -> CountedSocket:
        """Takes over the server end of an accepted connection.

        Args:
            activity: of this process.
            accepted: the socket; it is detached.
            client_port: TCP port of the client.
        """
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        adopted = cls(activity, family, kind, protocol, accepted.detach())
        adopted._link = activity.open_link(client_port, adopted.getsockname()[1], serves=True)
        return adopted

    def connect(self, address: Any) -> None:
        """Connects without a time limit; `cut` aborts the attempt."""
        self._peer = address[:2]
        self._await_reach()
        self.setblocking(False)
        failure = self.connect_ex(address) if not self._cut else 0
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
            with self._resting(), interruptible():
                poll.poll()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Sends all data and counts it."""
        self._await_reach()
        if self._is_unread and self._reach is not None and self._reach.closed(self._peer) is not None:  # it was cut: nothing crosses
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        if self._link is not None:
            self._activity.wrote(self._link, memoryview(data).nbytes)
        super().sendall(data, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receives into a buffer and counts the bytes; arguments as for `socket.recv_into`."""
        if self.most_at_once:
            nbytes = min(self.most_at_once, memoryview(buffer).nbytes)
        try:
            with self._reading(), self._resting(), interruptible():
                count = super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            raise
        except OSError:
            self._await_reach()
            self._end()
            raise
        self._await_reach()
        if self._link is not None:
            if count:
                self._activity.read(self._link, count)
            else:
                self._end()
        return count

    def is_delivered(self) -> bool:
        """Whether everything that was sent has arrived at the other end; true as well if that is not known, or the connection is over."""
        link = self._link
        if link is None or link.ended or self.family != socket.AF_INET:
            return True
        try:
            return has_arrived(link.sent, self.getsockname(), self.getpeername())
        except OSError:  # it has been closed meanwhile
            return True

    def has_unread(self) -> bool:
        """Whether bytes, or the end of the connection, have arrived that nobody has counted as read yet; an end counts only while somebody reads."""
        link = self._link
        if link is None or link.ended:
            return False
        try:
            received, is_ended = received_by(self)
        except OSError:  # it has been closed meanwhile
            return False
        return (is_ended and link.reading) or received - is_ended > link.received

    def await_end(self) -> None:
        """Reads and discards data until the peer or `cut` ends the connection."""
        discarded = bytearray(4096)
        with contextlib.suppress(OSError):
            while self.recv_into(discarded):
                continue

    def cut(self) -> None:
        """Ends the connection; may be called from any thread, and ends a waiting read immediately."""
        with self._activity.mutex:
            self._cut = True
            if self._rest is not None:
                self._rest.end_locked()
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def shutdown(self, how: int) -> None:
        """Ends one or both directions, as `socket.shutdown`; a peer that cannot be reached hears of it later."""
        if how != socket.SHUT_WR:
            self._is_unread = True
            for waiter in list(self._waiters):
                waiter.wake()
        if how == socket.SHUT_RD or not self._is_unheard(how):
            super().shutdown(how)
        elif how == socket.SHUT_RDWR:
            super().shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Closes the connection, as soon as no file object uses it any more."""
        is_unheard = self.fileno() >= 0 and self._is_unheard(socket.SHUT_RDWR)
        super().close()
        if self.fileno() < 0 and not is_unheard:
            self._end()

    def _end(self) -> None:
        if self._link is not None and not self._is_kept:
            self._activity.end_link(self._link)

    def _await_reach(self) -> None:
        """Waits while the peer cannot be reached, unless the connection is cut or nobody wants to read from it any more."""
        reach = self._reach
        if reach is None or reach.closed(self._peer) is None or self._is_unread:
            return
        reach.hold(self._peer)
        with self.held():
            while (reached := reach.closed(self._peer)) is not None and not self._is_unread:
                waiter = Waiter(self._activity)
                self._waiters.append(waiter)
                reached.enter(waiter)
                try:
                    while not waiter.woken and not self._is_unread:
                        waiter.sleep(-1)
                finally:
                    waiter.leave()
                    reached.leave(waiter)
                    self._waiters.remove(waiter)

    def _is_unheard(self, how: int) -> bool:
        """Whether the end of this connection, or of what it sends, does not reach the peer for the time being."""
        link = self._link
        if self._is_kept or self._reach is None or link is None:
            return self._is_kept
        is_whole = how == socket.SHUT_RDWR
        is_kept = self._reach.keep(self._peer, self, how, (lambda: self._activity.end_link(link)) if is_whole else (lambda: None))
        self._is_kept = is_kept and is_whole
        return is_kept

    @contextlib.contextmanager
    def held(self) -> Any:
        """Within the block, incoming data is left unread on purpose and does not count as in flight."""
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
        try:
            rest.begin(unless=lambda: self._cut)
            yield
        finally:
            rest.end()
