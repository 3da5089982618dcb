"""Writes the journal of a process: one JSON record per line, in a file of its own (contract 18).

A record is in the file before its effect is visible to other processes: a SIGKILL loses nothing.
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

_encode_text = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode


_ENCODERS: dict[type, Callable[[Any], str]] = {str: _encode_text, int: repr, type(None): lambda _: "null", bool: lambda value: "true" if value else "false"}
"""For the most frequent values, which bypass the general encoder."""


def _to_json(value: Any) -> str:
    """Encodes a value as JSON."""
    return _ENCODERS.get(type(value), _encode)(value)


class Journal:
    """Appends records to a file.

    Args:
        path: of the file, None = records are discarded.
        program: name of the program.
        clock: of this process.
        alone: whether no other process writes to the file or follows it, which makes a record cheaper.
        on_lost: called with the reason when the file cannot be written; later records are discarded. Without it the error is raised.
            It should end the program, because checks against a journal with gaps prove nothing.
    """

    def __init__(self, path: str | None, program: str, clock: Clock, *, alone: bool = False, on_lost: Callable[[str], object] | None = None):
        self._writer = _writer(program, os.getpid())
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

    def continue_as(self, path: str, program: str, pid: int) -> None:
        """Writes into this file from now on, as the journal of another process, which writes none itself.

        Args:
            path: of the file.
            program: name of the other process's program.
            pid: of the other process.

        Raises:
            OSError: the file cannot be opened.
        """
        self.close()
        self._path, self._writer = path, _writer(program, pid)
        self._lines = open_line_file(path, alone=True)
        _open.append(self._lines)

    def close(self) -> None:
        """Closes the file; later records are discarded."""
        if self._lines is not None:
            with contextlib.suppress(ValueError):
                _open.remove(self._lines)
            self._lines.close()
            self._lines = None

    def record(self, record: str, **fields: Any) -> None:
        """Writes one record with its timestamps: monotonic nanoseconds, the run's clock, wall time."""
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
        tail = "".join([f',"{name}":{_to_json(value)}' for name, value in fields.items()])
        return head + f'{self._writer}"record":"{record}"{tail}}}\n'.encode()

    def _lose(self, error: OSError) -> None:
        if self._on_lost is None:
            raise error
        self._lines = None
        self._on_lost(f"the journal {self._path} cannot be written: {error.strerror}")

    def series(self, record: str, **fields: Any) -> Callable[[int], None]:
        """Returns a fast writer for many records that differ only in their `index`, such as tokens: the common fields are encoded once."""
        common = "".join([f',"{name}":{_to_json(value)}' for name, value in fields.items()])
        rest = f'{self._writer}"record":"{record}"{common},"index":'.replace("%", "%%").encode()
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


def _writer(program: str, pid: int) -> str:
    return f'"program":{json.dumps(program)},"pid":{pid},'


def close_journals() -> None:
    """Closes all journals of this process, so that their reserved space is released; to be called before it exits."""
    for lines in _open:
        lines.close()


def journal_path(requested: str | None, name: str) -> str | None:
    """Path of a process's journal: the requested one, otherwise a new file in the run's folder for journals, otherwise None."""
    folder = os.environ.get(environment.JOURNALS)
    if requested or not folder:
        return requested
    return os.path.join(folder, f"{name}-{os.getpid()}.jsonl")


def without_secrets(headers: dict[str, str]) -> dict[str, str]:
    """Headers with the values of secret ones replaced by `***`."""
    return {name: "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}
