"""The lifeline of a process: it ends the process when its run ends, for whatever reason.

`RBEE_RUN` names the run's unix socket. A process registers there first of all and waits for the acknowledgement. Then it opens the run's named pipe,
of which the nursery holds the only end that can be written to. Nothing is ever written, so end of file means the end of the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import resource
import signal
import socket
import sys
import threading

from ..errors import RunIsFull, RunIsOver
from . import environment
from .platform import portable

LIMIT = 10.0
FULL = b"full\n"
"""Reply of a run that has no file descriptor left for one more process."""


def run_address() -> str | None:
    """Path of the run's socket; None for a program that was started from a shell."""
    return os.environ.get(environment.RUN) or None


def connect(address: str, hello: dict[str, object]) -> socket.socket:
    """Connects to the run's socket, registers with `hello` and waits for the acknowledgement.

    Raises:
        RunIsOver: the run does not answer or refuses.
        RunIsFull: the run has no file descriptor left.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(LIMIT)
    try:
        connection.connect(address)
        with contextlib.suppress(BrokenPipeError):  # a run that is full replies and closes the connection without reading
            connection.sendall(json.dumps(hello).encode() + b"\n")
        answer = connection.recv(len(FULL))
    except OSError as error:
        connection.close()
        raise RunIsOver(f"the run at {address} does not answer: {error}") from error
    if answer == FULL:
        connection.close()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        raise RunIsFull(f"the run at {address} takes no more processes: Too many open files. At most {limit} may be open at once; allow more with ulimit -n")
    if answer != b"ok\n":
        connection.close()
        raise RunIsOver(f"the run at {address} did not accept this process")
    connection.settimeout(None)
    return connection


def lifeline_of(address: str) -> str:
    """Path of the named pipe of a run.

    Args:
        address: path of the run's socket.
    """
    return f"{address}.lifeline"


def hold_on(address: str, name: str, role: str, port: int | None = None) -> io.RawIOBase | socket.socket:
    """Registers this process in the run, so that it is killed when the run ends.

    Args:
        address: path of the run's socket.
        name: of this process.
        role: of this process.
        port: TCP port on which it serves.

    Returns:
        The lifeline, which must be kept open.

    Raises:
        RunIsOver: the run has ended.
        RunIsFull: it takes no more processes.
    """
    connection = connect(address, {"hello": "lifeline", "pid": os.getpid(), "ppid": os.getppid(), "name": name, "role": role, "port": port})
    if portable():
        threading.Thread(target=_end_at_eof, args=(connection,), name="lifeline", daemon=True).start()
        return connection
    with connection:
        return _killed_at_eof(lifeline_of(address))


def _killed_at_eof(path: str) -> io.RawIOBase:
    # The kernel sends SIGKILL at EOF: this also ends a frozen process and one that holds the GIL for ever. A socket would not do: whatever arrives there
    # raises the signal, even a moment after it was read, so the acknowledgement of the run could kill the process.
    if sys.platform != "linux":
        raise RuntimeError("kernel-watched lifelines need Linux")
    try:
        lifeline = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except FileNotFoundError as error:
        raise RunIsOver("the run ended while this process was registering") from error
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if lifeline.read(1) == b"":  # None while somebody can write
        raise RunIsOver("the run ended while this process was registering")
    return lifeline


def _end_at_eof(connection: socket.socket) -> None:
    try:
        connection.recv(1)
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGKILL)
