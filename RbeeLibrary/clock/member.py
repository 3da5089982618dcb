"""A process's connection to the coordinator of the run's clock: sends reports and carries out the coordinator's requests.

It reports only while the coordinator is *watching*, that is, about to move the clock; otherwise it costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

from ..run.json_channel import JsonChannel
from .activity import Activity
from .clock import Clock
from .report import Report, TimerState

SOCKET_NAME = "clock.sock"


class ClockMember:
    """Member of the run's clock; joins when it is constructed.

    Args:
        folder: of the run.
        name: of this program.
        port: TCP port on which it serves.
        clock: of this process.

    Raises:
        OSError: this run has no coordinator.
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
        clock.has_moved()  # a message sent before this member joined may have been missed
        threading.Thread(target=self._serve, name="member", daemon=True).start()

    def _serve(self) -> None:
        for request in self._channel:
            with self._activity.job("clock"):
                self._handle(request)

    def _handle(self, request: dict[str, Any]) -> None:
        if request["op"] == "watch":
            with self._activity.mutex:
                self._watched, self._eager = request["on"], request.get("eager", False)
        elif request["op"] == "moved":
            self._clock.has_moved()
        elif request["op"] == "fire":
            self._clock.fire(request["timer"])
        elif request["op"] == "describe":
            with self._activity.mutex:
                self._send({"working": self._activity.working()})
        with self._activity.mutex:
            self._handled = request["n"]
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
        report = Report(
            self._handled,
            activity.at_work,
            [TimerState(timer.number, timer.due, timer.name) for timer in timers],
            activity.links(),
            activity.children(),
            activity.taken,
            activity.served,
        )
        self._send(report.to_json())

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(message)
