"""Takes a picture of the fleet at the first keyword that failed, and shows it once."""

from __future__ import annotations

import time
from typing import Any

from robot.api import logger

from ..report.cause import likely_cause
from ..report.evidence import evidence_table, verdict
from .context import RunContext
from .journal import JournalKeywords
from .processes import ProcessKeywords
from .types import Mark


class EvidenceTaker:
    """Follows the keywords of a test.

    A failure that an outer keyword catches (`Run Keyword And Expect Error`, `TRY`) is none: its picture is thrown away.
    """

    def __init__(self, context: RunContext, processes: ProcessKeywords, journals: JournalKeywords):
        self._context = context
        self._processes = processes
        self._journals = journals
        self._began = 0
        self._failed_at = 0
        self._depth = 0
        self._picture: str | None = None
        self._picture_depth = 0

    def reset(self) -> None:
        """A test begins."""
        self._began = time.monotonic_ns()
        self._failed_at = 0
        self._depth = 0
        self._picture = None

    def enter(self) -> None:
        """A keyword begins."""
        self._depth += 1

    def leave(self, result: Any) -> None:
        """A keyword ends."""
        self._depth = max(0, self._depth - 1)
        if result.failed and self._picture is None and self._context.is_running:
            self._failed_at = time.monotonic_ns()
            self._picture = self._take(str(getattr(result, "name", None) or getattr(result, "type", "a keyword")))
            self._picture_depth = self._depth
        elif self._picture is not None and self._depth < self._picture_depth:
            if result.failed:
                self._picture_depth = self._depth
            elif result.passed:
                self._picture = None

    def log(self, message: str) -> None:
        """Shows under the test what its failure message says, the likely cause, and the picture."""
        picture = self._picture if self._picture is not None else self._take("the test")
        if picture:
            logger.info(self._verdict(message) + picture, html=True)
        self._picture = None

    def _verdict(self, message: str) -> str:
        failed_at = self._failed_at or time.monotonic_ns()
        return verdict(message, likely_cause(self._journals.settled(Mark(self._began)), failed_at, message))

    def _take(self, keyword: str) -> str:
        processes = self._context.supervisor.processes()
        return evidence_table(keyword, self._processes.evidence(processes)) if processes else ""
