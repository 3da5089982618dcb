"""Files to which several threads append whole lines, and which keep every line when the writer is killed.

A line is stored in a shared memory mapping of the file, which costs about half of a `write`; the kernel keeps it even after a SIGKILL.
Reserved space that is not used yet reads as empty lines.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from typing import Protocol

_ROOM = 8192
_MOST = 1 << 16
_SPARE = 512
"""Bytes kept free for a last line, which says that the file cannot grow."""


class LineFile(Protocol):
    """A file to which lines are appended."""

    def add(self, line: bytes) -> None:
        """Appends a line, including its newline; the line is in the file when this returns.

        Raises:
            OSError: there is no room for it.
        """

    def add_last(self, line: bytes) -> None:
        """Appends a short line after `add` has failed, if that is possible, and closes the file."""

    def close(self) -> None:
        """Closes the file; lines that are added later are discarded."""


def open_line_file(path: str, *, alone: bool) -> LineFile:
    """Opens a file to append to it, or creates it, readable only by its owner.

    Args:
        path: of the file.
        alone: no other process writes to it or follows it as it grows (following needs a `write` for each line).

    Raises:
        OSError: it cannot be opened, or there is no room.
    """
    if alone:
        return MappedLineFile(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return WrittenLineFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))


class WrittenLineFile:
    """LineFile that uses one `write` per line."""

    def __init__(self, fd: int):
        self._fd: int | None = fd

    def add(self, line: bytes) -> None:
        """Appends a line."""
        if self._fd is not None:
            os.write(self._fd, line)

    def add_last(self, line: bytes) -> None:
        """Appends a line if there is room for it, and closes the file."""
        with contextlib.suppress(OSError):
            self.add(line)
        self.close()

    def close(self) -> None:
        """Closes the file; lines that are added later are discarded."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class MappedLineFile:
    """LineFile in a memory mapping that grows by blocks of empty lines."""

    def __init__(self, fd: int):
        self._fd = fd
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._at = self._room = os.fstat(fd).st_size
        self._reserve(_ROOM)
        self._memory = mmap.mmap(fd, self._room)
        self._open = True
        while self._at > 1 and self._memory[self._at - 2 : self._at] == b"\n\n":
            self._at -= 1

    def add(self, line: bytes) -> None:
        """Appends a line."""
        with self._lock:
            if not self._open:
                return
            at = self._at
            end = at + len(line)
            if end > self._room - _SPARE:
                self._reserve(max(len(line), min(self._room, _MOST)))
                self._memory.close()
                self._memory = mmap.mmap(self._fd, self._room)  # `resize` does not exist on every system
            self._memory[at:end] = line
            self._at = end

    def add_last(self, line: bytes) -> None:
        """Appends a line of at most 512 bytes to the reserved space, and closes the file."""
        with self._lock:
            if self._open and self._at + len(line) <= self._room:
                self._memory[self._at : self._at + len(line)] = line
                self._at += len(line)
        self.close()

    def close(self) -> None:
        """Closes the file and truncates it to what was written; does nothing in a fork of the process that opened it."""
        with self._lock:
            if self._open and os.getpid() == self._pid:
                self._open = False
                self._memory.close()
                os.ftruncate(self._fd, self._at)
                os.close(self._fd)

    def _reserve(self, size: int) -> None:
        # Written, not just truncated to size: a full disk then raises here, instead of causing a SIGBUS later.
        done = 0
        while done < size:
            done += os.pwrite(self._fd, b"\n" * (size - done), self._room + done)
        self._room += size
