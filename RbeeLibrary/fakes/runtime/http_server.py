"""waitress with additions for fakes: threads on demand, immediate notice of clients that leave, errors in the envelope."""

from __future__ import annotations

import array
import contextlib
import contextvars
import copy
import fcntl
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest

from ...clock.activity import Activity, ParkedJob
from ...protocol.error_codes import RbeeError
from ...protocol.sse import compact
from ...run.tcp_ports import closed

CHANNEL = "rbee.channel"
_TLS = b"\x16\x03"
BODY_LIMIT = 1048576
_FIRST_THREADS, _MOST_THREADS = 1, 600
_READ_LIMIT = 1024 * BODY_LIMIT
"""Bytes of a body that are read, into a temporary file: a client that still sends would not see the answer 413."""
_HEADER_LIMIT = 65536
_LOOP_TIMEOUT = 30.0
_LOOP_LIMIT = 5.0
_HEARING = 0.1
"""Seconds of real time in which a connection that was accepted last of all may still send its request."""
_FRESH = 0.02
"""The same for one that was accepted before: a queen that only watches for the end of its hive sends none."""
_BACKLOG = 1024
_RESET_LIMIT, _RESET_POLL = 10.0, 0.001
_SETTINGS = Adjustments(
    ident=None,
    channel_request_lookahead=1,
    connection_limit=20000,
    max_request_body_size=_READ_LIMIT,
    max_request_header_size=_HEADER_LIMIT,
    backlog=_BACKLOG,
    log_socket_errors=False,
    clear_untrusted_proxy_headers=False,
)
"""Made once for each interpreter, and inherited by all that are forked from it: waitress looks up the address of its default port for each one."""


class WaitressThreads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """A thread pool that grows when a request would have to wait, so that open streams never delay other requests."""

    def __init__(self, activity: Activity):
        super().__init__()
        self._activity = activity

    def add_task(self, task: Any) -> None:
        self._activity.add_job()
        if task.takes_at_once():
            return
        with self.lock:
            self.queue.append(task)
            idle = len(self.threads) - self.stop_count - self.active_count
            if len(self.queue) > idle and len(self.threads) < _MOST_THREADS:
                number = len(self.threads)
                self.threads.add(number)
                self.active_count += 1
                self.start_new_thread(self.handler_thread, number)
            self.queue_cv.notify()


class WaitressTask(WSGITask):  # type: ignore[misc]
    """A request; passes its channel to the application."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[CHANNEL] = self.channel
        return environ

    def write(self, data: bytes) -> None:
        if self.wrote_header or not data or not self.has_body or self.content_length != len(data):
            super().write(data)
            return
        self.wrote_header: bool = True
        self.channel.write_soon(self.build_response_header() + data)  # a whole answer in one piece
        self.content_bytes_written = len(data)


class WaitressErrorTask(ErrorTask):  # type: ignore[misc]
    """A request that waitress itself refuses (broken request line, body far over the limit); answered in the envelope too."""

    def execute(self) -> None:
        status = int(self.request.error.code)
        code = "INVALID_REQUEST" if status < 500 else "INTERNAL"
        body = compact(RbeeError(code, f"{self.request.error.reason}: {self.request.error.body}", status=status).envelope()).encode()
        self.status = f"{status} {self.request.error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class WaitressChannel(HTTPChannel):  # type: ignore[misc]
    """One connection; calls its listeners as soon as the client has left.

    Attributes:
        is_at_once: whether the present request is served by the thread of the sockets: its handler must not wait.
    """

    task_class = WaitressTask
    error_task_class = WaitressErrorTask

    def __init__(
        self,
        activity: Activity,
        waits: Callable[[str, str], bool],
        server: Any,
        connection: socket.socket,
        address: tuple[str, int],
        *args: Any,
        **kwargs: Any,
    ):
        self.is_at_once = False
        self._is_due = False
        self._waits = waits
        self._gone_lock = threading.Lock()
        self._gone = False
        self._listeners: list[Callable[[], None]] = []
        self._activity = activity
        self._parked: ParkedJob | None = None
        with activity.job("http"):
            self._link = activity.open_link(address[1], connection.getsockname()[1], serves=True)
            super().__init__(server, connection, address, *args, **kwargs)

    def when_gone(self, listener: Callable[[], None]) -> None:
        """Registers a listener for the moment when the client leaves; calls it at once if that has happened."""
        with self._gone_lock:
            if not self._gone:
                self._listeners.append(listener)
                return
        listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Unregisters a listener."""
        with self._gone_lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def reset(self) -> None:
        """Ends the connection with a RST after the written bytes have arrived, because a RST discards unsent bytes."""
        deadline = time.monotonic() + _RESET_LIMIT
        while time.monotonic() < deadline and (self.total_outbufs_len or _unsent(self.socket)):
            select.select([], [], [], _RESET_POLL)  # the kernel has no event for an empty send queue
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.will_close = True
        self.server.pull_trigger()
        closed = threading.Event()
        self.when_gone(closed.set)
        closed.wait(_RESET_LIMIT)

    def readable(self) -> bool:
        # waitress would read the end of file again and again for as long as the request runs
        return bool(self.connected and super().readable())

    def handle_read(self) -> None:
        with self._activity.job("http"):
            super().handle_read()
            while self._is_due:
                self._is_due = False
                contextvars.copy_context().run(self.service)
            if not self.connected:
                self._activity.end_link(self._link)
                self._notify_gone()

    def handle_write(self) -> None:
        with self._activity.job("http"):
            if (parked := self._parked) is not None:
                parked.end()  # before there is room: the thread that waits for it is at work from then on
            super().handle_write()

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Waits until the client has read so much that there is room. The job is at rest meanwhile: nobody knows when the client reads on."""
        if self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            while self.connected and self.total_outbufs_len > self.adj.outbuf_high_watermark:
                self.server.pull_trigger()
                self._parked = ParkedJob(self._activity)
                self._parked.begin()
                try:
                    self.outbuf_lock.wait()
                finally:
                    self._parked.end()
                    self._parked = None

    def takes_at_once(self) -> bool:
        """Whether the next request is served by the thread that has read it, as soon as it is read, which takes less than half the time."""
        request, reads = self.requests[0], threading.get_ident() == self.server.thread
        self.is_at_once = self._is_due = reads and request.error is None and not self._waits(request.command, request.path)
        return self.is_at_once

    def recv(self, buffer_size: int) -> bytes:
        data: bytes = super().recv(buffer_size)
        self._activity.read(self._link, len(data))
        return data

    def received(self, data: bytes) -> bool:
        if data.startswith(_TLS) and self.request is None:  # otherwise both ends would wait for the other one
            request = self.parser_class(self.adj)
            request.error = BadRequest("this port speaks HTTP, not HTTPS")
            with self.requests_lock:
                self.requests.append(request)
            self.server.add_task(self)
            return True
        return bool(super().received(data))

    def write_soon(self, data: bytes) -> None:
        sent = self._sent_at_once(data)
        if sent < len(data):
            super().write_soon(data[sent:] if sent else data)
        self._activity.wrote(self._link, len(data))

    def _sent_at_once(self, data: bytes) -> int:
        """Sends data without the buffers, which is twice as fast, if they are empty; returns how many bytes the kernel has taken."""
        with self.outbuf_lock:
            if not self.connected or self.total_outbufs_len:
                return 0
            try:
                sent: int = self.socket.send(data)
            except OSError:  # a full socket, or a client that has left: waitress deals with both
                return 0
            self.last_activity = time.time()
            return sent

    def service(self) -> None:
        with self._activity.added_job("request"):
            super().service()
            if self.close_when_flushed or self.will_close:
                self._activity.end_link(self._link)

    def handle_close(self) -> None:
        with self._activity.job("http"):
            super().handle_close()
            self._activity.end_link(self._link)
            self._notify_gone()

    def _notify_gone(self) -> None:
        with self._gone_lock:
            self._gone = True
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()


def _unsent(connection: socket.socket) -> int:
    queue = array.array("i", [0])
    try:
        fcntl.ioctl(connection, termios.TIOCOUTQ, queue, True)  # another name of SIOCOUTQ
    except OSError:
        return 0
    return queue[0]


class _Sockets(TcpWSGIServer):  # type: ignore[misc]
    """The sockets of a server.

    Attributes:
        thread: identifier of the thread that serves them.
    """

    thread = 0

    def pull_trigger(self) -> None:
        if threading.get_ident() != self.thread:  # that one looks at all sockets after each event anyway
            super().pull_trigger()


class HttpServer:
    """Serves an application on a socket that already listens, in one thread for the sockets and more for requests.

    Args:
        application: WSGI application.
        listener: the socket.
        activity: of this process; counts connections and jobs.
        waits: whether a request with this method and this path may have to wait, for whatever it is.
        send_buffer: bytes that wait for a client which does not read, before writing waits as well; 0 = the usual many.
    """

    def __init__(self, application: Callable[..., Any], listener: socket.socket, activity: Activity, waits: Callable[[str, str], bool], send_buffer: int = 0):
        if send_buffer:  # accepted connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._map: dict[int, Any] = {}
        threads = WaitressThreads(activity)
        threads.set_thread_count(_FIRST_THREADS)
        settings = copy.copy(_SETTINGS)
        if send_buffer:
            settings.outbuf_high_watermark = send_buffer
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        self._server = _Sockets(application, self._map, _sock=listener, dispatcher=threads, adj=settings, bind_socket=False, sockinfo=where)
        self._server.channel_class = partial(WaitressChannel, activity, (lambda method, path: True) if send_buffer else waits)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._serving = threading.Event()
        self._finished = threading.Event()
        self._deadline: float | None = None

    def start(self) -> None:
        """Starts to serve; returns when the server loop runs."""
        self._thread.start()
        self._serving.wait(10)

    def refuse(self) -> None:
        """Closes the port: new connections are refused, open ones continue."""
        self._in_loop(self._close_port)

    def accept(self) -> None:
        """Opens the port again; it stayed bound, so no other program has taken it."""
        self._in_loop(self._open_port)

    def _close_port(self) -> None:
        self._server.del_channel(self._map)
        self._server.socket = closed(self._server.socket)

    def _open_port(self) -> None:
        self._server.socket.listen(_BACKLOG)
        self._server.socket.setblocking(False)
        self._server._fileno = self._server.socket.fileno()
        self._server.add_channel(self._map)

    def _in_loop(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._server.trigger.pull_trigger(act)
        done.wait(_LOOP_LIMIT)

    def finish(self, limit: float) -> None:
        """Accepts no more connections, sends what is written, then closes; takes at most `limit` seconds of real time."""
        self._deadline = time.monotonic() + limit
        self._server.pull_trigger()
        self._finished.wait(limit + 0.5)

    def close(self) -> None:
        """Ends the threads and closes what `finish` has left open, in a process that goes on."""
        self._thread.join(_LOOP_LIMIT)
        self._server.task_dispatcher.shutdown()
        self._server.trigger.close()

    def _accept_waiting(self) -> None:
        """Accepts what the kernel has accepted already: closing the port would reset these connections."""
        known = -1
        while len(self._server.active_channels) != known:
            known = len(self._server.active_channels)
            self._server.handle_accept()

    def _serve(self) -> None:
        self._server.thread = threading.get_ident()
        while self._deadline is None:
            wasyncore.poll2(0 if not self._serving.is_set() else _LOOP_TIMEOUT, self._map)
            self._serving.set()
        before = set(self._server.active_channels.values())
        self._accept_waiting()
        self._server.accepting = False
        self._server.socket.close()
        self._map.pop(self._server._fileno, None)
        hearing = time.monotonic() + _HEARING
        while self._server.active_channels and (left := self._deadline - time.monotonic()) > 0:
            for channel in list(self._server.active_channels.values()):
                is_fresh = channel not in before or time.time() - channel.creation_time < _FRESH
                is_asking = channel.request is not None or (is_fresh and channel.last_activity == channel.creation_time)  # its request is still on its way
                if not channel.requests and not (is_asking and time.monotonic() < hearing):
                    channel.close_when_flushed = True
            wasyncore.poll2(min(left, 0.05), self._map)
        self._finished.set()
