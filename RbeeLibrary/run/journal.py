"""What a process did, line by line, in its own file (contract 18).

A record is one `write` and is in the file before what it tells has left the process: a SIGKILL loses nothing.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .clock import Clock

FOLDER_VARIABLE = "RBEE_JOURNALS"
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


class Journal:
    """Appends records to a file; without a file it takes them and keeps nothing."""

    def __init__(self, path: str | None, program: str, clock: Clock):
        self._program = program
        self._clock = clock
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600) if path else None

    def close(self) -> None:
        """Keeps nothing from now on."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def record(self, record: str, **fields: Any) -> None:
        """Writes one record with its stamps: monotonic nanoseconds, the run's clock, wall time."""
        if self._fd is None:
            return
        line = {
            "ns": time.monotonic_ns(),
            "clock": round(self._clock.now(), 6),
            "wall": round(time.time(), 6),
            "program": self._program,
            "pid": os.getpid(),
            "record": record,
            **fields,
        }
        os.write(self._fd, json.dumps(line, separators=(",", ":"), default=str).encode() + b"\n")


def journal_path(asked: str | None, name: str) -> str | None:
    """The file of a process: the one asked for, else one of its own in the folder of the run."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if asked or not folder:
        return asked
    return os.path.join(folder, f"{name}-{os.getpid()}.jsonl")


def without_secrets(headers: dict[str, str]) -> dict[str, str]:
    """Headers as a journal may show them."""
    return {name: "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}
