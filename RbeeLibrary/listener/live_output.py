"""Live output of the programs on the console, for `console=yes`."""

from __future__ import annotations

import re
import sys
import threading
from operator import itemgetter
from pathlib import Path

from ..session.run import Run

_INTERVAL = 0.1
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
"""Date at the beginning of a log line."""


class LiveOutput:
    """Prints lines added to output files to the console, prefixed with the name of the program."""

    def __init__(self, run: Run):
        self._run = run
        self._read: dict[Path, int] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts a thread that follows the output files, unless it is running."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="console", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        # Polls, because there is no portable event for a file that grows. The thread runs with `console=yes` only.
        never = threading.Event()
        while not never.wait(_INTERVAL):
            self.show_news()

    def show_news(self) -> None:
        """Prints the complete lines that were added since the last call, in the order of their dates; a line without a date follows the one before it."""
        folder = Path(self._run.outputs())
        news: list[tuple[str, str]] = []
        for path in sorted([*folder.glob("*.stdout"), *folder.glob("*.stderr")]):
            stamp = ""
            for line in self._added_to(path).splitlines():
                stamp = found[0] if (found := _STAMP.match(line)) else stamp
                news.append((stamp, f"[{path.stem}] {line}"))
        for _, line in sorted(news, key=itemgetter(0)):
            print(line, file=sys.__stderr__)

    def _added_to(self, path: Path) -> str:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(complete)
        return complete.decode("utf-8", "replace")
