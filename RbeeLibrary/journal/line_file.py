"""A file that grows by whole lines, from several threads, and survives the SIGKILL of its writer.

A line is stored into memory that the file shares, which costs about half of a `write`; the kernel keeps it, whatever becomes of the process.
What is reserved and not used yet reads as empty lines.
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
"""Kept free for a last line: that the file cannot grow."""


class LineFile(Protocol):
    """Takes lines."""

    def add(self, line: bytes) -> None:
        """Appends a line, its newline included; it is in the file when this returns. OSError if there is no room for it."""

    def add_last(self, line: bytes) -> None:
        """Appends a short line where there was no room for another one, as far as that can be done, and takes nothing from now on."""

    def close(self) -> None:
        """Takes nothing from now on."""


def open_line_file(path: str, *, alone: bool) -> LineFile:
    """Opens a file for its owner's eyes only, or goes on with one that is there.

    Args:
        path: of the file.
        alone: nobody else ever writes to it, and nobody follows it as it grows (which needs a `write`).

    Raises:
        OSError: it cannot be opened or has no room.
    """
    if alone:
        return MappedLineFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return WrittenLineFile(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))


class WrittenLineFile:
    """One `write` a line."""

    def __init__(self, fd: int):
        self._fd: int | None = fd

    def add(self, line: bytes) -> None:
        """Appends a line."""
        if self._fd is not None:
            os.write(self._fd, line)

    def add_last(self, line: bytes) -> None:
        """Appends a line if there is room for it, and takes nothing from now on."""
        with contextlib.suppress(OSError):
            self.add(line)
        self.close()

    def close(self) -> None:
        """Takes nothing from now on."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class MappedLineFile:
    """LineFile in a mapping that grows by blocks of empty lines."""

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
                self._memory = mmap.mmap(self._fd, self._room)  # `resize` is not there on every system
            self._memory[at:end] = line
            self._at = end

    def add_last(self, line: bytes) -> None:
        """Appends a line of at most 512 bytes, for which room was kept, and takes nothing from now on."""
        with self._lock:
            if self._open and self._at + len(line) <= self._room:
                self._memory[self._at : self._at + len(line)] = line
                self._at += len(line)
        self.close()

    def close(self) -> None:
        """Takes nothing from now on, and gives back what was reserved; in a fork of its owner it does nothing."""
        with self._lock:
            if self._open and os.getpid() == self._pid:
                self._open = False
                self._memory.close()
                os.ftruncate(self._fd, self._at)
                os.close(self._fd)

    def _reserve(self, size: int) -> None:
        # Written, not just declared: a disk that is full says so here, and not by a SIGBUS later.
        done = 0
        while done < size:
            done += os.pwrite(self._fd, b"\n" * (size - done), self._room + done)
        self._room += size
