"""Output of a keeper: results and tokens on standard output, progress and errors on standard error (contract 7.2, 7.3)."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, NoReturn

from ..runtime.formatting import printable

_BAR = 24
_USUAL_WIDTH = 80
_RED, _PLAIN, _ERASE = "\x1b[31m", "\x1b[0m", "\r\x1b[K"


class Console:
    """Standard output and standard error of one command; any thread may write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._terminal = os.isatty(2)
        self._coloured = self._terminal and not os.environ.get("NO_COLOR")
        self._bar = False
        self.silent = False

    def say(self, text: str) -> None:
        """Writes a line to standard output."""
        self._write(1, f"{text}\n")

    def token(self, text: str) -> None:
        """Writes a token to standard output, without delay."""
        self._write(1, text)

    def report(self, text: str) -> None:
        """Writes a line to standard error."""
        self._write(2, f"{text}\n")

    def error(self, text: str) -> None:
        """Writes the line of an error to standard error, in red on a terminal."""
        self._write(2, f"{_RED}{text}{_PLAIN}\n" if self._coloured else f"{text}\n")

    def progress(self, event: dict[str, Any]) -> None:
        """Shows a progress event of a download, of a loading model, or of a connection."""
        stage = event.get("stage")
        if stage == "downloading":
            self._show_share(event.get("bytes_downloaded", 0), event.get("bytes_total", 0), f"{_megabytes(event)}, {event.get('speed_mbps', 0)} MB/s")
        elif stage == "loading_to_vram":
            loaded, total = event.get("layers_loaded", 0), event.get("layers_total", 0)
            self._show_share(loaded, total, f"{loaded}/{total} layers")
        elif stage == "retrying":
            reason = printable(str(event.get("error")))
            attempt = f"attempt {event.get('attempt')}/{event.get('max_attempts')}, delay {event.get('delay_ms')}ms"
            self.report(f"download failed: {reason}; {attempt}")
        elif stage == "connecting":
            delay = f", delay {event.get('delay_ms')}ms" if event.get("delay_ms") else ""
            where = f"{event.get('target')}, timeout {event.get('timeout_s', 0):g}s{delay}"
            self.report(f"Attempt {event.get('attempt')}/{event.get('max_attempts')}: {where}: no connection")

    def _show_share(self, part: float, whole: float, text: str) -> None:
        share = part / whole if whole else 0.0
        line = f"{share:4.0%} {text}"
        if not self._terminal:
            self.report(line.strip())
            return
        columns = _columns()
        width = max(0, min(_BAR, columns - len(line) - 4))  # brackets, a blank, and the last column, which would wrap
        filled = round(width * share)
        bar = f"[{'=' * filled}{' ' * (width - filled)}] " if width else ""
        self._write(2, f"{_ERASE}{bar}{line[: columns - 1]}", bar=True)

    def _write(self, fd: int, text: str, *, bar: bool = False) -> None:
        with self._lock:
            if self.silent:
                return
            if self._bar and not bar:
                os.write(2, b"\n")
            self._bar = bar
            data = text.encode("utf-8", "replace")
            while data:
                try:
                    data = data[os.write(fd, data) :]
                except OSError as error:  # a reader that has left, a full disk
                    _leave_unwritten(fd, error)


def _leave_unwritten(fd: int, error: OSError) -> NoReturn:
    """Ends this process, whose output cannot be written, with exit code 1; says why on standard error, unless the reader has only left."""
    if fd == 1 and not isinstance(error, BrokenPipeError):
        with contextlib.suppress(OSError):
            os.write(2, f"rbee-keeper: standard output cannot be written: {error.strerror}\n".encode())
    os._exit(1)


def _columns() -> int:
    """Width of the terminal."""
    try:
        return os.get_terminal_size(2).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def _megabytes(event: dict[str, Any]) -> str:
    return f"{event.get('bytes_downloaded', 0) / 1048576:.1f} MB / {event.get('bytes_total', 0) / 1048576:.1f} MB"
