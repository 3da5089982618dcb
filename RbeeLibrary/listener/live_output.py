"""`console=yes`: the output of the programs on the console as well, while they run."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from ..session.run import Run

_INTERVAL = 0.1


class LiveOutput:
    """Prints what is added to output files, each line with the name of its program."""

    def __init__(self, run: Run):
        self._run = run
        self._read: dict[Path, int] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to follow, in a thread; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="console", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        # Files have no portable event to wait for; this thread runs only when somebody watches.
        never = threading.Event()
        while not never.wait(_INTERVAL):
            self.show_news()

    def show_news(self) -> None:
        """Prints what has come since the last call."""
        folder = Path(self._run.outputs())
        for path in sorted([*folder.glob("*.stdout"), *folder.glob("*.stderr")]):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
            complete = text[: text.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(complete)
            for line in complete.decode("utf-8", "replace").splitlines():
                print(f"[{path.stem}] {line}", file=sys.__stderr__)
