"""Takes a picture of the fleet at the first keyword that failed, and shows it once."""

from __future__ import annotations

from typing import Any

from robot.api import logger

from ..report.evidence import evidence_table
from .context import RunContext
from .processes import ProcessKeywords


class EvidenceTaker:
    """Follows the keywords of a test.

    A failure that an outer keyword catches (`Run Keyword And Expect Error`, `TRY`) is none: its picture is thrown away.
    """

    def __init__(self, context: RunContext, processes: ProcessKeywords):
        self._context = context
        self._processes = processes
        self._depth = 0
        self._picture: str | None = None
        self._picture_depth = 0

    def reset(self) -> None:
        """A test begins."""
        self._depth = 0
        self._picture = None

    def enter(self) -> None:
        """A keyword begins."""
        self._depth += 1

    def leave(self, result: Any) -> None:
        """A keyword ends."""
        self._depth = max(0, self._depth - 1)
        if result.failed and self._picture is None and self._context.is_running:
            self._picture = self._take(str(getattr(result, "name", None) or getattr(result, "type", "a keyword")))
            self._picture_depth = self._depth
        elif self._picture is not None and self._depth < self._picture_depth:
            if result.failed:
                self._picture_depth = self._depth
            elif result.passed:
                self._picture = None

    def log(self) -> None:
        """Shows the picture under the test."""
        picture = self._picture if self._picture is not None else self._take("the test")
        if picture:
            logger.info(picture, html=True)
        self._picture = None

    def _take(self, keyword: str) -> str:
        processes = self._context.supervisor.processes()
        return evidence_table(keyword, self._processes.evidence(processes)) if processes else ""
