"""JSON objects over a stream socket, one per line."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

_RECEIVE_SIZE = 262144


class JsonChannel:
    """Sends and receives JSON objects over a socket; several threads may send.

    Args:
        connection: a connected stream socket.
    """

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self._sending = threading.Lock()
        self._rest = b""

    def fileno(self) -> int:
        """Descriptor of the socket, for `poll`."""
        return self.connection.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Sends one object.

        Raises:
            OSError: the connection is broken.
        """
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._sending:
            self.connection.sendall(data)

    def receive(self, flags: int = 0) -> list[dict[str, Any]] | None:
        """Calls `recv` once and returns the objects that are complete; None at the end of the connection.

        Args:
            flags: for `recv`; with MSG_DONTWAIT the list is empty if nothing has arrived.

        Raises:
            ValueError: a line is not a JSON object.
        """
        try:
            data = self.connection.recv(_RECEIVE_SIZE, flags)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [json.loads(line) for line in lines if line]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("a line is not a JSON object")
        return messages

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yields all objects until the end of the connection."""
        while (messages := self.receive()) is not None:
            yield from messages

    def close(self) -> None:
        """Closes the socket."""
        self.connection.close()
