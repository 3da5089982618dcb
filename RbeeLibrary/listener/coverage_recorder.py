"""Keeps the books of state x fault over a run, and shows them at the end of its outermost suite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from ..faults.registry import KINDS
from ..report.fault_coverage import FaultCoverage
from ..session.artifacts import write_private

_TITLE = "State x fault coverage"
_PAGE = "coverage.html"


class CoverageRecorder:
    """Counts test by test.

    Args:
        minimum: per cent of the cells that the outermost suite has to reach; its last test fails if it does not.
    """

    def __init__(self, minimum: int):
        self._minimum = minimum
        self._coverage = FaultCoverage({name: kind.states for name, kind in KINDS.items()})
        self._left = 0

    def begin(self, tests: int) -> None:
        """The outermost suite begins, with so many tests."""
        self._left = tests

    def add(self, records: list[dict[str, Any]]) -> str | None:
        """A test has ended; after the last one it returns what is wrong with all of them, if anything is."""
        self._coverage.add(records)
        self._left -= 1
        if self._left == 0 and self._coverage.share < self._minimum:
            return f"{_TITLE} is {self._coverage.share:.0f} %, demanded were {self._minimum} %; {_PAGE} says how to reach the rest"
        return None

    def end(self, folder: Path, result: Any) -> None:
        """The outermost suite has ended: its metadata get the table, the folder gets the page; neither for a run without any hit and any minimum."""
        if not self._coverage.reached and not self._minimum:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        page = folder / _PAGE
        try:
            write_private(page, self._coverage.as_page())
        except OSError as error:
            logger.warn(f"{page} cannot be written: {error.strerror}")
        variable = BuiltIn().get_variable_value
        shown = os.path.relpath(page, variable("${OUTPUT DIR}", "."))
        result.metadata[_TITLE] = self._coverage.as_metadata(shown, alone=variable("${PABOTQUEUEINDEX}") is None)
