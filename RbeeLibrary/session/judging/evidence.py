"""The evidence of a failure: programs, states, last requests, faults, the likely cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import OWN_ERROR
from ...report.cause import NO_CAUSE, likely_cause
from ...report.evidence_tables import ProgramEvidence, Verdict, evidence_table, faults_and_hits, folded_table, last_requests
from ...report.failed_check import FailedCheck, FailedKeyword
from ...report.nearest_event import nearest_event
from ..journals import Journals
from ..programs.outputs import Outputs
from ..programs.process_table import ProcessTable, command_line, outside_state
from ..programs.programs import Programs
from ..programs.states import LISTS, StateReader
from ..run import Run
from ..types import Mark
from .test_trace import TestTrace

_OF_THE_TEST = FailedKeyword()
_LAST_LINES = 12
_VIEW_LIMIT = 0.3


@dataclass(frozen=True)
class KeptEvidence:
    """Evidence of a run within a test that is shown instead of that of its end.

    Args:
        trace: what happened.
        snapshot: the programs then, as HTML.
        records: of the journals.
        failed_at: monotonic nanoseconds.
    """

    trace: TestTrace
    snapshot: str
    records: list[dict[str, Any]]
    failed_at: int


class EvidenceCollector:
    """Collects evidence. A snapshot asks no program, so that it never waits.

    Args:
        run: whose programs they are.
        programs: finds them by name.
        journals: what they wrote.
        outputs: what they printed.
        states: what hives and queens list.
        table: the process table.

    Attributes:
        kept: evidence of an earlier moment of the test that is to be shown; None = that of its end.
    """

    def __init__(self, run: Run, programs: Programs, journals: Journals, outputs: Outputs, states: StateReader, table: ProcessTable):
        self._run = run
        self._programs = programs
        self._journals = journals
        self._outputs = outputs
        self._states = states
        self._table = table
        self.kept: KeptEvidence | None = None

    def snapshot(self, keyword: str) -> str:
        """All programs at this moment, as HTML; an empty text if there are none.

        Args:
            keyword: what failed.
        """
        found = self._programs_now()
        return evidence_table(keyword, found) if found else ""

    def as_text(self) -> list[str]:
        """All programs at this moment, a line for each, with their last lines of output below."""
        lines = []
        for one in self._programs_now():
            lines.append(f"{one.name} (pid {one.pid}, below {one.parent}): {one.state}")
            lines += [f"    {line}" for line in one.output.splitlines()]
        return lines

    def _programs_now(self) -> list[ProgramEvidence]:
        processes = self._run.supervisor.processes()
        names = {process.pid: process.name for process in processes}
        found = []
        for process in processes:
            outside = outside_state(process)
            recorded = self._journals.last_state(process.name, process.pid)
            found.append(
                ProgramEvidence(
                    process.name,
                    process.role,
                    process.pid,
                    names.get(process.ppid, "nursery"),
                    f"{outside}, {recorded}" if recorded and process.exit_code is None else outside,
                    "" if process.exit_code is None else str(process.exit_code),
                    str(process.port or ""),
                    command_line(process.pid) if process.alive else "",
                    self._outputs.last_lines(process.name, _LAST_LINES),
                )
            )
        return found

    def verdict(self, message: str, failed_at: int, keyword: FailedKeyword = _OF_THE_TEST) -> tuple[Verdict, list[str]]:
        """Why a test failed, as far as the records tell, and tables that show it as HTML.

        Args:
            message: of the failure.
            failed_at: monotonic nanoseconds.
            keyword: that failed.
        """
        records = self.kept.records if self.kept is not None else self._journals.settled(Mark(self._run.scene_began))
        programs = self._run.supervisor.processes()
        stopped = frozenset(process.name for process in programs if process.alive and process.frozen)
        said = {process.name: self._last_words(process.name) for process in programs if process.role == "keeper"}
        ports = {daemon.port: daemon.name for daemon in self._programs.all()}
        check = FailedCheck(message, failed_at, keyword, stopped, said, ports)
        cause = likely_cause(records, check)
        verdict = Verdict(message, nearest_event(records, check) if cause.startswith(NO_CAUSE) else None, cause)
        tables = [
            folded_table("states by point of view, at the end of the test", ("worker", "says itself", "its hive says", "the queen says"), self._views()),
            folded_table("last requests", ("when", "program", "request", "status", "from"), last_requests(records, failed_at)),
            folded_table("faults and their hits", ("program", "fault", "hits"), faults_and_hits(records)),
            folded_table("process tree", ("process",), [[line] for line in self._table.tree()]),
        ]
        return verdict, tables

    def _last_words(self, name: str) -> str:
        """The line of its output that says what went wrong, else the last one of standard error, else of standard output."""
        errors, output = ([line.strip() for line in self._outputs.read(name, (stream,)).splitlines() if line.strip()] for stream in ("stderr", "stdout"))
        return next((line for line in errors if line.lower().startswith("error") or OWN_ERROR in line), ["", *output, *errors][-1])

    def _views(self) -> list[list[str]]:
        """State of each worker per observer; an observer that is frozen or gone is not asked."""
        lists = {
            daemon.name: self._states.listed(daemon, path, _VIEW_LIMIT)
            for role, path in LISTS
            for daemon in self._programs.of_role(role)
            if self._programs.responsive(daemon.name) is not None
        }
        queen = next((daemon.name for daemon in self._programs.of_role("queen")), "")
        rows = []
        for worker in self._programs.of_role("worker"):
            process = self._programs.process_or_none(worker.name)
            itself = self._journals.last_state(worker.name, worker.pid) if process is not None else ""
            if process is not None and not process.alive:
                itself = "is gone"
            observers = ((worker.owner, "has no hive"), (queen, "there is none"))
            rows.append([worker.name, itself, *(_listed(lists.get(who), worker.name) if who else none for who, none in observers)])
        return rows


def _listed(states: dict[str, str] | None, worker: str) -> str:
    return "no answer" if states is None else states.get(worker, "unlisted")
