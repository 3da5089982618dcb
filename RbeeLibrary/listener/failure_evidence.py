"""Collects evidence when the first keyword fails, and logs it at the end of the test."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from robot.api import logger

from ..report.failed_check import FailedKeyword
from ..session.session import Session


class FailureEvidence:
    """Evidence of the failure of the current test: a snapshot of the fleet at the first failed keyword.

    If an outer keyword catches the failure (`Run Keyword And Expect Error`, `TRY`), the snapshot is discarded.

    Args:
        session: session with the fleet.
    """

    def __init__(self, session: Session):
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Discards everything; called when a test starts."""
        self._session.evidence.kept = None
        self._failed_at = 0
        self._keyword = FailedKeyword()
        self._depth = 0
        self._snapshot: str | None = None
        self._snapshot_depth = 0

    @property
    def failed_at(self) -> int:
        """When the test failed, in monotonic nanoseconds: at its first failed keyword, else now."""
        kept = self._session.evidence.kept
        return kept.failed_at if kept is not None else self._failed_at or time.monotonic_ns()

    def enter(self) -> None:
        """Called when a keyword starts."""
        self._depth += 1

    def leave(self, data: Any, result: Any) -> None:
        """Called when a keyword ends; takes the snapshot if it is the first that failed."""
        self._depth = max(0, self._depth - 1)
        if result.failed and self._snapshot is None and self._session.run.is_running:
            self._failed_at = time.monotonic_ns()
            self._keyword = _keyword_of(data, result)
            self._snapshot = self._session.evidence.snapshot(self._keyword.name)
            self._snapshot_depth = self._depth
        elif self._snapshot is not None and self._depth < self._snapshot_depth:
            if result.failed:
                self._snapshot_depth = self._depth
            elif result.passed:
                self._snapshot = None

    def log(self, message: str) -> str:
        """Logs the evidence under the test; returns the failure message extended by nearest event and likely cause."""
        evidence = self._session.evidence
        snapshot = self._snapshot if self._snapshot is not None else evidence.snapshot("the test")
        if evidence.kept is not None:
            snapshot = evidence.kept.snapshot
        self._snapshot = None
        if not snapshot:
            return message
        verdict, tables = evidence.verdict(message, self.failed_at, self._keyword)
        logger.info(verdict.as_html() + snapshot + "".join(tables), html=True)
        return verdict.as_text()


def _keyword_of(data: Any, result: Any) -> FailedKeyword:
    arguments = tuple(map(str, getattr(result, "args", ())))
    line = f"{Path(data.source).name}, line {data.lineno}" if data.source and data.lineno else ""
    return FailedKeyword(str(getattr(result, "name", None) or getattr(result, "type", "a keyword")), arguments, line)
