"""Adds each test to the history of tests, and shows its page."""

from __future__ import annotations

import os
import re
import socket
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from ..errors import UsageError
from ..fleet import kernel
from ..report.run_history import RunHistory, TestRun, history_page, stories
from ..report.trace.keyword_span import KeywordSpan
from ..session.artifacts import write_private

_PAGE = "history.html"
_CAUSE = "likely cause: "
_LONGEST = 500


class HistoryRecorder:
    """Recorder of results.

    Args:
        path: of the history; None records nothing.
    """

    def __init__(self, path: Path | None):
        try:
            self._history = RunHistory(path) if path is not None else None
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._run = ""

    def add(self, result: Any, keywords: list[KeywordSpan]) -> None:
        """Adds the result of a test; a seed is taken from the arguments of its keywords."""
        if self._history is None:
            return
        if not self._run:
            self._run = _run_name()
        seed = next((word.removeprefix("seed=") for keyword in keywords for word in keyword.arguments if word.startswith("seed=")), "")
        cause = _cause(str(result.message)) if result.failed else ""
        seconds = result.elapsed_time.total_seconds()
        self._history.add([TestRun(self._run, result.full_name, time.time() - seconds, result.status, seconds, cause, seed)])

    def end(self, folder: Path, result: Any) -> None:
        """Writes the page, and a line into the metadata of the outermost suite.

        Args:
            folder: for the page.
            result: of the suite.
        """
        if self._history is None:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        results = self._history.results()
        try:
            write_private(folder / _PAGE, history_page(results))
        except OSError as error:
            logger.warn(f"{folder / _PAGE} cannot be written: {error.strerror}")
        shown = os.path.relpath(folder / _PAGE, BuiltIn().get_variable_value("${OUTPUT DIR}", "."))
        flaky = sum(test.is_flaky for test in stories(results))
        result.metadata["History"] = f"{len({one.run for one in results})} runs, {flaky} flaky tests: [{shown}|all tests]"


def _cause(message: str) -> str:
    lines = message.splitlines() or [""]
    return next((line.removeprefix(_CAUSE) for line in lines if line.startswith(_CAUSE)), lines[0])[:_LONGEST]


def _run_name() -> str:
    """The same for all processes of one pabot, another one for each run."""
    of_pabot = BuiltIn().get_variable_value("${PABOTQUEUEINDEX}") is not None
    pid = os.getppid() if of_pabot else os.getpid()
    mark = re.sub(r"\D", "", str(kernel.start_mark(pid)))[-6:]
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d" if of_pabot else "%Y-%m-%dT%H:%M:%SZ")
    return f"{day} {socket.gethostname()} {pid}-{mark}"
