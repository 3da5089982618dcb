"""What a process did, line by line, in its own file (contract 18).

A record is in the file before what it tells has left the process: a SIGKILL loses nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

from ..clock.clock import Clock
from ..run import environment
from .line_file import LineFile, open_line_file

SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_open: list[LineFile] = []

_text = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


def _simple(value: Any) -> str:
    """A value as JSON; texts and numbers, which are most of it, without the detour over an encoder."""
    kind = type(value)
    if kind is str:
        return _text(value)
    return repr(value) if kind is int else _encode(value)


class Journal:
    """Appends records to a file; without a file it takes them and keeps nothing.

    Args:
        path: of the file.
        program: who writes.
        clock: the run's.
        alone: whether the file is this journal's alone, which makes a record cheaper; others may follow it and write to it otherwise.
        on_lost: is told why the file cannot be written, and then nothing is; without it the error is raised.
            What is checked against a journal with gaps proves nothing.
    """

    def __init__(self, path: str | None, program: str, clock: Clock, *, alone: bool = False, on_lost: Callable[[str], object] | None = None):
        self._who = f'"program":{json.dumps(program)},"pid":{os.getpid()},'
        self._epoch = time.time() - time.monotonic()
        self._clock = clock
        self._path = path
        self._on_lost = on_lost
        self._lines: LineFile | None = None
        try:
            self._lines = open_line_file(path, alone=alone) if path else None
        except OSError as error:
            self._lose(error)
        if self._lines is not None:
            _open.append(self._lines)

    def close(self) -> None:
        """Keeps nothing from now on."""
        if self._lines is not None:
            with contextlib.suppress(ValueError):
                _open.remove(self._lines)
            self._lines.close()
            self._lines = None

    def record(self, record: str, **fields: Any) -> None:
        """Writes one record with its stamps: monotonic nanoseconds, the run's clock, wall time."""
        lines = self._lines
        if lines is None:
            return
        try:
            lines.add(self._line(record, fields))
        except OSError as error:
            lines.add_last(self._line("journal_lost", {"reason": str(error.strerror)}))
            self._lose(error)

    def _line(self, record: str, fields: dict[str, Any]) -> bytes:
        ns = time.monotonic_ns()
        head = b'{"ns":%d,"clock":%.6f,"wall":%.6f,' % (ns, self._clock.now(), self._epoch + ns * 1e-9)
        tail = "".join([f',"{name}":{_simple(value)}' for name, value in fields.items()])
        return head + f'{self._who}"record":"{record}"{tail}}}\n'.encode()

    def _lose(self, error: OSError) -> None:
        if self._on_lost is None:
            raise error
        self._lines = None
        self._on_lost(f"the journal {self._path} cannot be written: {error.strerror}")

    def series(self, record: str, **fields: Any) -> Callable[[int], None]:
        """A short way for records that come by the thousand and differ in their `index` only, such as tokens: what they have in common is written once."""
        common = "".join([f',"{name}":{_simple(value)}' for name, value in fields.items()])
        rest = f'{self._who}"record":"{record}"{common},"index":'.replace("%", "%%").encode()
        line = b'{"ns":%d,"clock":%.6f,' + rest + b"%d}\n"
        if self._lines is None:
            return lambda index: None
        lines, now, monotonic = self._lines, self._clock.now, time.monotonic_ns
        write = lines.add

        def add(index: int) -> None:
            try:
                write(line % (monotonic(), now(), index))
            except OSError as error:
                lines.add_last(self._line("journal_lost", {"reason": str(error.strerror)}))
                self._lose(error)

        return add


def close_journals() -> None:
    """Before a process exits: what its journals have reserved is given back."""
    for lines in _open:
        lines.close()


def journal_path(asked: str | None, name: str) -> str | None:
    """The file of a process: the one asked for, else one of its own in the folder of the run."""
    folder = os.environ.get(environment.JOURNALS)
    if asked or not folder:
        return asked
    return os.path.join(folder, f"{name}-{os.getpid()}.jsonl")


def without_secrets(headers: dict[str, str]) -> dict[str, str]:
    """Headers as a journal may show them."""
    return {name: "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}
