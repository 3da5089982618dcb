"""Records the state x fault coverage of a run, and reports it at the end of the outermost suite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from ..faults.registry import KINDS
from ..report.fault_coverage import FaultCoverage, TestLink
from ..session.artifacts import write_private

_TITLE = "State x fault coverage"
_PAGE = "coverage.html"


class CoverageRecorder:
    """Recorder of the state x fault coverage of a run.

    Args:
        minimum: minimum coverage in per cent; if the run misses it, its last test fails.
    """

    def __init__(self, minimum: int):
        self._minimum = minimum
        self._coverage = FaultCoverage({name: kind.states for name, kind in KINDS.items()})
        self._left = 0

    def begin(self, tests: int) -> None:
        """Called when the outermost suite starts; `tests` is the number of its tests."""
        self._left = tests

    def add(self, records: list[dict[str, Any]], test: TestLink) -> str | None:
        """Adds the records of a test; after the last test, returns an error message if the coverage is below the minimum."""
        self._coverage.add(records, test)
        self._left -= 1
        if self._left == 0 and self._coverage.share < self._minimum:
            return f"{_TITLE} is {self._coverage.share:.0f} %, demanded were {self._minimum} %; {_PAGE} says how to reach the rest"
        return None

    def end(self, folder: Path, result: Any) -> None:
        """Writes the table to the metadata of the outermost suite and the full page to a folder.

        Does nothing for a run without fault hits and without a minimum.

        Args:
            folder: folder for the page.
            result: result of the outermost suite.
        """
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
