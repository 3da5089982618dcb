"""The end of a process that shares the run's clock: says what it has in hand, and does what whoever moves the clock asks.

It speaks only while somebody wants to move the clock (is *watching*); otherwise it costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

from ..run.json_channel import JsonChannel
from .activity import Activity, Link
from .clock import Clock, Timer

SOCKET_NAME = "clock.sock"


class ClockMember:
    """Joins the clock of a run.

    Args:
        folder: of the run.
        name: of this program.
        port: on which it serves.
        clock: of this process.

    Raises:
        OSError: nobody coordinates the clock of this run.
    """

    def __init__(self, folder: str, name: str, port: int, clock: Clock):
        self._clock = clock
        self._activity: Activity = clock.activity
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(os.path.join(folder, SOCKET_NAME))
        self._channel = JsonChannel(connection)
        self._watched = False
        self._eager = False
        self._handled = 0
        self._send({"pid": os.getpid(), "name": name, "port": port})
        with self._activity.mutex:
            self._activity.when_at_rest = self._at_rest
            clock.when_armed = self._armed
        clock.has_moved()  # who waits already may have missed a word
        threading.Thread(target=self._serve, name="member", daemon=True).start()

    def _serve(self) -> None:
        for order in self._channel:
            with self._activity.job("clock"):
                self._handle(order)

    def _handle(self, order: dict[str, Any]) -> None:
        if order["op"] == "watch":
            with self._activity.mutex:
                self._watched, self._eager = order["on"], order.get("eager", False)
        elif order["op"] == "moved":
            self._clock.has_moved()
        elif order["op"] == "fire":
            self._clock.fire(order["timer"])
        elif order["op"] == "who":
            with self._activity.mutex:
                self._send({"working": self._activity.working()})
        with self._activity.mutex:
            self._handled = order["n"]
            if self._eager:
                self._report()

    def _at_rest(self) -> None:
        if self._watched:
            self._report()

    def _armed(self) -> None:
        if self._eager:
            self._report()

    def _report(self) -> None:
        activity = self._activity
        timers = self._clock.timers() if self._eager else [timer for timer in (self._clock.next_timer(),) if timer is not None]
        self._send(
            {
                "handled": self._handled,
                "at_work": activity.at_work,
                "timers": [_timer_as_list(timer) for timer in timers],
                "links": [_link_as_list(link) for link in activity.links()],
                "children": [[child.pid, child.awaited, child.signals, child.joins] for child in activity.children()],
                "taken": activity.taken,
                "served": activity.served,
            }
        )

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(message)


def _link_as_list(link: Link) -> list[Any]:
    return [link.client_port, link.server_port, link.serves, link.sent, link.received, link.reading, link.ended, link.held]


def _timer_as_list(timer: Timer) -> list[Any]:
    return [timer.number, timer.due, timer.name]
