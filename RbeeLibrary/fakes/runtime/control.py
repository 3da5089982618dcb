"""How the library talks to its fakes: over the run's socket, so it also works while a port refuses, is taken or is silent."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from ...clock.activity import Activity
from ...errors import RunIsFull, RunIsOver
from ...run.lifeline import connect

Handler = Callable[[dict[str, Any]], Any]


class Control:
    """The end of a fake: answers requests of the library and reports what happened on its own."""

    def __init__(self, address: str, activity: Activity):
        self._activity = activity
        self._connection = connect(address, {"hello": "control", "pid": os.getpid()})
        self._lock = threading.Lock()
        self._handlers: dict[str, Handler] = {}

    def on(self, operation: str, handler: Handler) -> None:
        """Lets a handler answer an operation; what it returns is the answer, what it raises is the error."""
        self._handlers[operation] = handler

    def start(self) -> None:
        """Begins to answer, in a thread."""
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def report(self, event: str, **fields: Any) -> None:
        """Tells the library that something happened; a run that is over hears nothing."""
        self._send({"event": event, **fields})

    def _serve(self) -> None:
        with self._connection.makefile("rb") as lines:
            for line in lines:
                with self._activity.job("control"):
                    request = json.loads(line)
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
        try:
            with self._lock:
                self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return


def open_control(address: str | None, activity: Activity) -> Control | None:
    """The control connection of this process, or None outside a run.

    Raises:
        RunIsFull: the run has no room for it; without it nobody could tell this process what to do.
    """
    if address is None:
        return None
    try:
        return Control(address, activity)
    except RunIsFull:
        raise
    except (OSError, RunIsOver):
        return None
