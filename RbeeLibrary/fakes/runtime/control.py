"""Orders of the library to a fake. They come over the run's socket, so they work while the port of the fake refuses, is taken or is silent."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

from ...clock.activity import Activity
from ...errors import RunIsFull, RunIsOver
from ...run.json_channel import JsonChannel
from ...run.lifeline import connect

Handler = Callable[[dict[str, Any]], Any]


class Control:
    """A fake's connection to the library: answers its orders and reports events.

    Args:
        address: of the run's socket.
        activity: of this process; an order counts as a job.
    """

    def __init__(self, address: str, activity: Activity):
        self._activity = activity
        self._channel = JsonChannel(connect(address, {"hello": "control", "pid": os.getpid()}))
        self._handlers: dict[str, Handler] = {}
        self._questions: set[str] = set()

    def on(self, operation: str, handler: Handler, *, is_job: bool = True) -> None:
        """Registers the handler of an operation; its result is the reply, its exception the error.

        Args:
            operation: name of the order.
            handler: carries it out.
            is_job: whether the process is at work meanwhile; not if it is only asked whether it is.
        """
        self._handlers[operation] = handler
        if not is_job:
            self._questions.add(operation)

    def start(self) -> None:
        """Starts to answer, in a thread."""
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def report(self, event: str, **fields: Any) -> None:
        """Reports an event to the library; does nothing when the run is over."""
        self._send({"event": event, **fields})

    def _serve(self) -> None:
        for request in self._channel:
            with contextlib.nullcontext() if request["op"] in self._questions else self._activity.job("control"):
                self._send({"reply": request["id"], **self._answer(request)})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        handler = self._handlers.get(request["op"])
        if handler is None:
            return {"error": f"unknown operation {request['op']!r}, expected one of {', '.join(self._handlers)}"}
        try:
            return {"value": handler(request)}
        except (ValueError, KeyError, TypeError, OSError) as error:
            return {"error": str(error)}

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(message)


def open_control(address: str | None, activity: Activity) -> Control | None:
    """The control connection of this process, or None outside a run.

    Raises:
        RunIsFull: the run has no room for another connection; a fake that cannot receive orders must not run.
    """
    if address is None:
        return None
    try:
        return Control(address, activity)
    except RunIsFull:
        raise
    except (OSError, RunIsOver):
        return None
