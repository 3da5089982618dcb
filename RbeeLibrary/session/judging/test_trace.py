"""What happened in the present test: the timeline for its log, and the trace in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...fleet.supervisor import Process
from ...report.trace.open_telemetry import otlp_json
from ...report.trace.process_spans import ProcessSpan
from ...report.trace.timeline import TestSpan, timeline
from ...report.trace.trace_events import TraceEvents, chrome_trace
from ...report.trace.trace_page import trace_page
from ...run.exit_status import ExitStatus
from ..artifacts import write_private
from ..journals import Journals
from ..programs.outputs import BOTH, Outputs
from ..programs.programs import Programs
from ..run import Run
from ..types import Mark

PAGE, CHROME, OTLP = "trace.html", "trace.json", "trace.otlp.json"

_MOST_EVENTS = 150_000
"""Events of which a browser shows all; of more, details are left out of the page."""
_DETAILS = ("token", "output")


class TraceTaker:
    """Takes what happened in the present test.

    Args:
        run: whose processes they are.
        programs: tells which ones are real.
        journals: what they wrote.
        outputs: what they printed.
    """

    def __init__(self, run: Run, programs: Programs, journals: Journals, outputs: Outputs):
        self._run = run
        self._programs = programs
        self._journals = journals
        self._outputs = outputs

    def take(self, test: TestSpan) -> TestTrace:
        """Everything up to now; to be called before the programs of the test are stopped."""
        if not self._run.supervisor.processes():
            return TestTrace(test, Path(), [], [], {}, self._outputs)
        since = Mark(test.began)
        if test.failed is None:
            records = self._journals.records(since=since)
        else:  # the end of a program that a fault has killed may be told after the failure
            records = self._journals.settled(since)
            test = replace(test, ended=time.monotonic_ns())
        processes = [one for one in self._run.supervisor.processes() if one.ended is None or one.ended * 1e9 >= test.began]
        spans = [
            ProcessSpan(
                process.name,
                process.role,
                process.pid,
                int(process.started * 1e9),
                int(process.ended * 1e9) if process.ended is not None else None,
                str(ExitStatus(process.exit_code)) if process.exit_code is not None else "",
                stopped=process.alive and process.frozen,
                state=self._state_before(process, test.began),
            )
            for process in processes
        ]
        return TestTrace(
            test, Path(self._run.outputs()), spans, records if spans else [], {span.name: self._outputs.folder(span.name) for span in spans}, self._outputs
        )

    def _state_before(self, process: Process, began: int) -> str:
        if self._programs.is_real(process.name):
            return "running"  # it does not tell
        return self._journals.last_state(process.name, process.pid, began) if process.started * 1e9 < began else ""


class TestTrace:
    """What happened in a test.

    Args:
        test: when.
        folder: of the test.
        spans: its processes.
        records: of their journals, in order of time.
        folders: program -> folder of what it printed.
        outputs: reads that.
    """

    __test__ = False

    def __init__(
        self, test: TestSpan, folder: Path, spans: Sequence[ProcessSpan], records: list[dict[str, Any]], folders: Mapping[str, Path], outputs: Outputs
    ):
        self.folder = folder
        self.records = records
        self._test = test
        self.spans = spans
        self._folders = folders
        self._outputs = outputs

    def as_timeline(self, *, is_open: bool) -> str:
        """The timeline as HTML; empty for a test without programs."""
        return timeline(self.spans, self.records, self._test, is_open=is_open) if self.records else ""

    def write(self, name: str, status: str, message: str, log: str) -> Path:
        """Writes the trace page, and the same as Chrome trace events and as OTLP JSON, into the folder of the test.

        Args:
            name: of the test.
            status: of the test.
            message: of the test.
            log: link from the folder to the test in its log; empty if there is none.

        Returns:
            The page.
        """
        folder = self.folder
        printed = {span.name: {stream: self._outputs.read_in(self._folders[span.name], span.name, (stream,)) for stream in BOTH} for span in self.spans}
        events = TraceEvents(self.spans, self.records, self._test, printed).events()
        about = {"test": name, "status": status}
        write_private(folder / CHROME, chrome_trace(events, about))
        began = next((record["wall"] - (record["ns"] - self._test.began) / 1e9 for record in self.records if "wall" in record), 0.0)
        write_private(folder / OTLP, otlp_json(events, began, about))
        named = [("log", log)] if log else []
        links = [*named, ("for Perfetto", CHROME), ("for Jaeger (OTLP)", OTLP), *((file, file) for file in files_of(folder))]
        shown = for_page(events)
        if len(shown) < len(events):
            message = f"{message}\n{len(events) - len(shown)} tokens and lines of output are left out of this page; {CHROME} has them".strip()
        write_private(folder / PAGE, trace_page(name, shown, {**about, "message": message, "log": log.partition("#")[0], "links": links}))
        return folder / PAGE


def for_page(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that the trace page shows: all of them, or of very many those that are no details."""
    return events if len(events) <= _MOST_EVENTS else [event for event in events if event.get("cat") not in _DETAILS]


def files_of(folder: Path) -> list[str]:
    """Names of the journals and outputs in the folder of a test, but the empty ones and the links to files that were never written.

    Args:
        folder: of the test.
    """
    kinds = (".jsonl", ".stdout", ".stderr")
    return sorted(path.name for path in folder.iterdir() if path.suffix in kinds and path.is_file() and path.stat().st_size)
