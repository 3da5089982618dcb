"""A process that holds a worker's port and answers there after the worker has ended: the effect of the fault `leave-listener` (contract 19)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from ...protocol.options import DaemonOptions, option
from ...run import environment
from ..runtime.entry_point import launch
from ..runtime.http_app import Request
from ..runtime.program import exit_now
from ..runtime.service import Service

_MODULE = "RbeeLibrary.fakes.worker.orphan_listener"
_GRACEFUL = b"w"
_END_LIMIT = 5.0


@dataclass
class OrphanListenerOptions(DaemonOptions):
    """Options of the listener process."""

    guards: int = option(-1, "descriptor that ends when the worker has ended", "19")


class OrphanListener(Service):
    """Waits for the end of a worker, then serves on its port."""

    def __init__(self, options: OrphanListenerOptions, listener: socket.socket | None):
        self.options: OrphanListenerOptions  # set by the base class
        super().__init__("fake-worker-listener", options, listener, "worker")
        self.route("GET", "/v1/health", self.health, at_once=True)

    def prepare(self) -> None:
        self._report_ready()
        with self.clock.activity.parked():
            if os.read(self.options.guards, 1) == _GRACEFUL:
                exit_now(0)
        self.set_state("idle")

    def health(self, request: Request) -> dict[str, str]:
        """GET /v1/health: the answer of a healthy worker."""
        return {"status": "healthy", "state": "idle"}


class OrphanListenerHandle:
    """The worker's handle of the listener process."""

    def __init__(self, process: subprocess.Popen[bytes], guard: int):
        self._process = process
        self._guard = guard

    def release(self) -> None:
        """Ends the process, because the worker ends gracefully and leaves no process behind."""
        os.write(self._guard, _GRACEFUL)
        self._process.wait(_END_LIMIT)


def leave_listener(listener: socket.socket, name: str) -> OrphanListenerHandle:
    """Starts the listener process of the calling worker; returns when it holds the port.

    Args:
        listener: the worker's listening socket.
        name: of the worker.
    """
    guard, workers_end = os.pipe()  # the worker keeps its end open until it ends
    ready, ready_in_child = os.pipe()
    env = {**os.environ, environment.NAME: f"{name}-listener", environment.LISTEN_FD: str(listener.fileno()), environment.READY_FD: str(ready_in_child)}
    process = subprocess.Popen(
        [sys.executable, "-m", _MODULE, "--port", str(listener.getsockname()[1]), "--guards", str(guard)],
        stdin=subprocess.DEVNULL,
        env=env,
        pass_fds=[listener.fileno(), guard, ready_in_child],
    )
    os.close(guard)
    os.close(ready_in_child)
    os.read(ready, 1)
    os.close(ready)
    return OrphanListenerHandle(process, workers_end)


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-worker-listener`."""
    launch(OrphanListener, OrphanListenerOptions, "fake-worker-listener", argv, listener)


if __name__ == "__main__":
    main()
