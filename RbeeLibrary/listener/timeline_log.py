"""Draws the timeline of every test that had a fleet."""

from __future__ import annotations

import time
from typing import Any

from robot.api import logger

from ..fleet.supervisor import ending
from ..keywords.journal import JournalKeywords
from ..report.timeline import ProcessSpan, timeline
from ..session.session import Session
from ..session.types import Mark


class TimelineLog:
    """Draws what the processes of a test did since it began.

    Args:
        context: the run.
        journals: reads what they wrote.
    """

    def __init__(self, context: Session, journals: JournalKeywords):
        self._context = context
        self._journals = journals

    def log(self, *, failed: bool) -> list[dict[str, Any]]:
        """Shows the timeline under the test, open if it failed; nothing for a test without a fleet. Returns the records that it shows."""
        began, ended = self._context.scene_began, time.monotonic_ns()
        lives = [
            ProcessSpan(
                process.name,
                process.role,
                process.pid,
                int(process.started * 1e9),
                int(process.ended * 1e9) if process.ended is not None else None,
                ending(process.exit_code) if process.exit_code is not None else "",
            )
            for process in self._context.supervisor.processes()
            if process.ended is None or process.ended * 1e9 >= began
        ]
        if not lives:
            return []
        records = self._journals.read(since=Mark(began))
        if records:
            logger.info(timeline(lives, records, began, ended, is_open=failed), html=True)
        return records
