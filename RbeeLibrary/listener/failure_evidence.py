"""Takes a picture of the fleet at the first keyword that failed, and shows it once."""

from __future__ import annotations

import time
from typing import Any

from robot.api import logger

from ..keywords.journal import JournalKeywords, last_state
from ..keywords.processes import ProcessKeywords
from ..keywords.state import StateReader
from ..report.cause import likely_cause, nearest_event
from ..report.evidence_tables import Verdict, evidence_table, faults_and_hits, folded_table, last_requests
from ..session.session import Session
from ..session.types import Mark

_VIEW_LIMIT = 0.3


class FailureEvidence:
    """Follows the keywords of a test.

    A failure that an outer keyword catches (`Run Keyword And Expect Error`, `TRY`) is none: its picture is thrown away.
    """

    def __init__(self, context: Session, processes: ProcessKeywords, journals: JournalKeywords, states: StateReader):
        self._context = context
        self._processes = processes
        self._journals = journals
        self._states = states
        self._failed_at = 0
        self._depth = 0
        self._picture: str | None = None
        self._picture_depth = 0

    def reset(self) -> None:
        """A test begins."""
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

    def log(self, message: str) -> str:
        """Shows under the test why it failed, as far as the evidence tells, and the picture; returns the message with the cause."""
        picture = self._picture if self._picture is not None else self._take("the test")
        self._picture = None
        if not picture:
            return message
        failed_at = self._failed_at or time.monotonic_ns()
        records = self._journals.settled(Mark(self._context.scene_began))
        verdict = Verdict(message, nearest_event(records, failed_at, message), likely_cause(records, failed_at, message))
        more = (
            folded_table("states by point of view, at the end of the test", ("worker", "says itself", "its hive says", "the queen says"), self._views()),
            folded_table("last requests", ("when", "program", "request", "status", "from"), last_requests(records, failed_at)),
            folded_table("faults and their hits", ("program", "fault", "hits"), faults_and_hits(records)),
            folded_table("process tree", ("",), [[line] for line in self._processes.tree()]),
        )
        logger.info(verdict.as_html() + picture + "".join(more), html=True)
        return verdict.as_text()

    def _views(self) -> list[list[str]]:
        """Who says what of each worker; whoever stands still or is gone says nothing."""
        lists = {
            daemon.name: self._states.listed(daemon, path, _VIEW_LIMIT)
            for role, path in (("hive", "/v1/workers/list"), ("queen", "/v2/workers/list"))
            for daemon in self._context.daemons(role)
            if (process := self._context.process_or_none(daemon.name)) is not None and process.alive and not process.frozen
        }
        queen = next((daemon.name for daemon in self._context.daemons("queen")), "")
        rows = []
        for worker in self._context.daemons("worker"):
            process = self._context.process_or_none(worker.name)
            itself = last_state(self._context, worker.name, worker.pid) if process is not None else ""
            if process is not None and not process.alive:
                itself = "is gone"
            rows.append([worker.name, itself, *(_said(lists.get(who or ""), worker.name) for who in (worker.owner, queen))])
        return rows

    def _take(self, keyword: str) -> str:
        processes = self._context.supervisor.processes()
        return evidence_table(keyword, self._processes.evidence(processes)) if processes else ""


def _said(listed: dict[str, str] | None, worker: str) -> str:
    return "no answer" if listed is None else listed.get(worker, "unlisted")
