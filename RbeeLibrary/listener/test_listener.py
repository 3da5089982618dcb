"""Opens and closes the scopes of suites and tests, and adds the findings of the library to their results."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.errors import RobotError

from ..errors import with_place
from ..report.fault_coverage import TestLink
from ..report.trace.timeline import TestSpan
from ..session.judging.scope_end import ScopeEnd, end_suite, end_test
from ..session.judging.test_trace import TestTrace
from ..session.session import Session
from ..session.types import TraceOf
from .conformance_recorder import ConformanceRecorder
from .coverage_recorder import CoverageRecorder
from .failure_evidence import FailureEvidence
from .history_recorder import HistoryRecorder
from .keyword_log import KeywordLog
from .known_differences import KnownDifferences
from .live_output import LiveOutput
from .stream_log import log_stream
from .trace_links import keywords_table, links_of, log_link


class TestListener:
    """Receiver of the events of Robot Framework.

    Args:
        session: session that the keywords use.
        console: whether to print the output of programs to the console as well.
        min_fault_coverage: minimum state x fault coverage of the outermost suite, in per cent.
        judged: role -> path of the real program that takes the place of a fake.
        known: differences of these programs that fail no test.
        trace: tests that get a trace page.
        history: adds results to the history of tests.
    """

    __test__ = False

    def __init__(
        self,
        session: Session,
        *,
        console: bool,
        min_fault_coverage: int,
        judged: Mapping[str, str],
        known: KnownDifferences,
        trace: TraceOf,
        history: HistoryRecorder,
    ):
        self._history = history
        self._session = session
        self._trace_of = trace
        self._keywords = KeywordLog()
        self._evidence = FailureEvidence(session)
        self._coverage = CoverageRecorder(min_fault_coverage)
        self._conformance = ConformanceRecorder(judged, known)
        self._own_failures: list[str] = []
        self._console = LiveOutput(session.run) if console else None

    def guarded(self, moment: str, action: Callable[[], None]) -> None:
        """Does what belongs to a moment. What goes wrong fails the test with a sentence; nothing is raised into Robot Framework.

        Args:
            moment: for the sentence.
            action: what to do.
        """
        try:
            action()
        except RobotError:  # Robot Framework stops the test
            raise
        except Exception as error:
            self._own_failures.append(f"the library failed at the {moment}: {with_place(error, quotes=True)}")
            logger.debug(traceback.format_exc())

    def report_own_failures(self, result: Any | None) -> None:
        """Fails a test for what went wrong in the library itself since the last one; without a test, at the end of a suite, it is logged as an error."""
        failures, self._own_failures = self._own_failures, []
        for text in failures:
            if result is None:
                logger.error(text)
            else:
                _fail_also(result, text)

    def start_suite(self, name: str, tests: int) -> None:
        """Called when a suite starts; `tests` is the number of its tests, including those of child suites."""
        if not self._session.scopes.depth:
            self._coverage.begin(tests)
        self._session.open_scope(name)

    def start_test(self, name: str) -> None:
        """Called when a test starts."""
        self._session.open_scope(name)
        self._evidence.reset()
        self._keywords.reset()
        if self._console is not None:
            self._console.start()

    def start_keyword(self) -> None:
        """Called when a keyword starts."""
        self._evidence.enter()
        self._keywords.enter()

    def end_keyword(self, data: Any, result: Any) -> None:
        """Called when a keyword ends."""
        self._evidence.leave(data, result)
        self._keywords.leave(result)

    def end_test(self, result: Any) -> None:
        """Called when a test ends: logs its evidence, checks it, and stops the programs that it started."""
        session = self._session
        try:
            if session.run.is_running:
                self._end_running_test(result)
        finally:
            session.close_scope()
            self._conformance.add(result)
            self._history.add(result, self._keywords.spans())

    def _end_running_test(self, result: Any) -> None:
        session = self._session
        if self._console is not None:
            self._console.show_news()
        session.inferences.abandon_all()
        for inference in session.inferences.forget_all():
            log_stream(inference)
        failed_at = self._evidence.failed_at if result.failed else None
        kept = session.evidence.kept if result.failed else None
        trace = (
            kept.trace if kept is not None else session.trace.take(TestSpan(session.run.scene_began, time.monotonic_ns(), failed_at, self._keywords.spans()))
        )
        if result.failed:
            result.message = self._evidence.log(result.message)
        if html := trace.as_timeline(is_open=result.failed):
            logger.info(html, html=True)
        if (missed_minimum := self._coverage.add(trace.records, TestLink(result.full_name, log_link(session.run.folder, result.id)))) is not None:
            _fail_also(result, missed_minimum)
        self._judge(end_test(session), result)
        if trace.records and (self._trace_of is TraceOf.ALL or (self._trace_of is TraceOf.FAILED and result.failed)):
            self._write_trace(trace, result)

    def _write_trace(self, trace: TestTrace, result: Any) -> None:
        try:
            page = trace.write(result.full_name, result.status, result.message, log_link(trace.folder, result.id))
        except OSError as error:
            logger.warn(f"the trace in {trace.folder} cannot be written: {error.strerror}")
            return
        keywords = self._keywords.spans() if self._session.evidence.kept is None else []  # a trace of chaos is that of its last run
        logger.info(links_of(page) + keywords_table(page, keywords), html=True)
        if result.failed:
            result.message = f"{result.message}\ntrace: {page}"

    def end_suite(self, result: Any, artifacts: Path) -> None:
        """Called when a suite ends: stops the programs that it started."""
        session = self._session
        if session.run.is_running:
            self._judge(end_suite(session), result)
        session.close_scope()
        if not session.scopes.depth:
            outermost = result
            while outermost.parent is not None:  # the library need not be imported there: then each suite below it says what is known so far
                outermost = outermost.parent
            self._coverage.end(artifacts, outermost)
            self._conformance.end(artifacts, outermost)
            self._history.end(artifacts, outermost)

    def _judge(self, ended: ScopeEnd, result: Any) -> None:
        for note in ended.notes:
            logger.info(note)
        for warning in ended.warnings:
            logger.warn(warning)
        if ended.unproven:
            if result.passed:
                _fail_also(result, ended.unproven)
            else:
                logger.warn(ended.unproven)
        for problem in ended.problems:
            _fail_also(result, problem)


def _fail_also(result: Any, text: str) -> None:
    """Marks a test as failed; the text is appended if it has failed already."""
    result.message = f"{result.message}\n\nAlso {text}" if result.failed and result.message else text
    result.status = "FAIL"
