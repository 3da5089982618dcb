"""Records how real programs fare that take the places of fakes, and reports it at the end of the outermost suite."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from ..report.conformance import DIFFERS, KNOWN, ConformanceRow, conformance_page, summary
from ..session.artifacts import write_private
from .known_differences import KnownDifferences, as_file

_PAGE = "conformance.html"
_DIFFERENCES = "differences.txt"
_SCENARIO = re.compile(r"(?:S|L|U|EC)\d+$")
_SHOWN = 1000


class ConformanceRecorder:
    """Recorder of verdicts.

    Args:
        programs: role -> path of the real program; without any, nothing is recorded.
        known: differences that fail no test.
    """

    def __init__(self, programs: Mapping[str, str], known: KnownDifferences):
        self._programs = programs
        self._known = known
        self._rows: list[ConformanceRow] = []

    def add(self, result: Any) -> None:
        """Adds the result of a test."""
        if self._programs:
            status = KNOWN if self._known.excuse(result) else result.status
            scenarios = tuple(tag for tag in result.tags if _SCENARIO.match(tag))
            title = str(result.doc).partition("\n")[0]
            row = ConformanceRow(result.id, result.parent.name, result.name, title, scenarios, status, str(result.message)[:_SHOWN])
            self._rows.append(row)

    def end(self, folder: Path, result: Any) -> None:
        """Writes the page, and its summary into the metadata of the outermost suite.

        Args:
            folder: for the page.
            result: of the outermost suite.
        """
        if not self._rows:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        page = folder / _PAGE
        outputs = BuiltIn().get_variable_value("${OUTPUT DIR}", ".")
        try:
            write_private(page, conformance_page(self._rows, self._programs, os.path.relpath(Path(outputs) / "log.html", folder)))
            write_private(folder / _DIFFERENCES, as_file(f"{row.suite}.{row.name}" for row in self._rows if row.verdict == DIFFERS))
        except OSError as error:
            logger.warn(f"{page} cannot be written: {error.strerror}")
        if self._known.outdated:
            logger.warn(f"no difference any more, take it out of the file of known differences: {', '.join(self._known.outdated)}")
        result.metadata["Conformance"] = f"{summary(self._rows)}. [{os.path.relpath(page, outputs)}|All tests]"
