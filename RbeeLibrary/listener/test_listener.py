"""Begins and ends what belongs to suites and tests, and adds the library's judgement to their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robot.api import logger

from ..session.programs.stopper import GRACE, Ended
from ..session.session import Session
from ..session.types import AutoStop, OnLeak, OnUnusedFault
from .coverage_recorder import CoverageRecorder
from .failure_evidence import FailureEvidence
from .live_output import LiveOutput
from .stream_log import log_stream


class TestListener:
    """What Robot Framework reports to the library.

    Args:
        session: what tests act on.
        console: whether the output of programs is shown live on the console.
        min_fault_coverage: per cent of the table state x fault that the outermost suite has to reach.
    """

    __test__ = False

    def __init__(self, session: Session, *, console: bool, min_fault_coverage: int):
        self._session = session
        self._evidence = FailureEvidence(session)
        self._coverage = CoverageRecorder(min_fault_coverage)
        self._console = LiveOutput(session.run) if console else None

    def start_suite(self, name: str, tests: int) -> None:
        """A suite begins; `tests` is the number of its tests, those of its children included."""
        if not self._session.scopes.depth:
            self._coverage.begin(tests)
        self._session.open_scope(name)

    def start_test(self, name: str) -> None:
        """A test begins."""
        self._session.open_scope(name)
        self._evidence.reset()
        if self._console is not None:
            self._console.start()

    def start_keyword(self) -> None:
        """A keyword begins."""
        self._evidence.enter()

    def end_keyword(self, result: Any) -> None:
        """A keyword ends."""
        self._evidence.leave(result)

    def end_test(self, result: Any) -> None:
        """A test ends: shows its evidence, judges it, stops what it started."""
        session = self._session
        if session.run.is_running:
            if self._console is not None:
                self._console.show_news()
            session.inferences.abandon_all()
            for inference in session.inferences.forget_all():
                log_stream(inference)
            if result.failed:
                result.message = self._evidence.log(result.message)
            if (too_little := self._coverage.add(self._log_timeline(failed=result.failed))) is not None:
                _fail_also(result, too_little)
            self._judge_faults(result)
            if (lost := session.run.lost) is not None:
                _fail_also(result, f"{lost}: what the library did is not known any more. Free some room, or set artifacts= of the import")
            journals = session.judge.journals_to_check()
            if session.settings.now.auto_stop is AutoStop.TEST:
                self._judge_ends(session.scopes.end_processes(GRACE), result)
                session.run.drop_scratch()
            if off := session.judge.off_contract(journals, session.run.scene_began):
                _fail_also(result, "\n".join(["off contract: a fake said what its contract does not", *(f"  {line}" for line in off)]))
        session.close_scope()

    def end_suite(self, result: Any, artifacts: Path) -> None:
        """A suite ends: stops what it started."""
        session = self._session
        if session.run.is_running and session.settings.now.auto_stop is not AutoStop.MANUAL:
            session.inferences.abandon_all()
            self._warn_of(session.scopes.end_processes(GRACE))
        session.close_scope()
        if not session.scopes.depth:
            self._coverage.end(artifacts, result)

    def _log_timeline(self, *, failed: bool) -> list[dict[str, Any]]:
        html, records = self._session.evidence.timeline(is_open=failed)
        if html:
            logger.info(html, html=True)
        return records

    def _judge_faults(self, result: Any) -> None:
        policy = self._session.settings.now.on_unused_fault
        unused = self._session.faults.end()
        if not unused or policy is OnUnusedFault.IGNORE:
            return
        text = f"never hit: {', '.join(map(str, unused))}; the test proved nothing about it"
        if policy is OnUnusedFault.FAIL and result.passed:
            result.status, result.message = "FAIL", text
        else:
            logger.warn(text)

    def _judge_ends(self, ended: Ended, result: Any) -> None:
        policy = self._session.settings.now.on_leak
        leaked = [*ended.leaked, *(process for process in ended.left if process not in ended.leaked)]
        if leaked and policy is OnLeak.FAIL:
            names = ", ".join(f"{process.name} (pid {process.pid})" for process in leaked)
            _fail_also(result, f"leaked: {names} outlived the graceful stop of what started it")
        self._warn_of(ended, leaked=policy is OnLeak.WARN)

    def _warn_of(self, ended: Ended, *, leaked: bool = True) -> None:
        if ended.slow:
            logger.info(f"ended by SIGKILL after {GRACE:g} s: {', '.join(process.name for process in ended.slow)}")
        if leaked and ended.leaked:
            logger.warn(f"outlived the graceful stop of what started it: {', '.join(process.name for process in ended.leaked)}")


def _fail_also(result: Any, text: str) -> None:
    """Fails a test, for one more reason if it has failed already."""
    result.message = f"{result.message}\n\nAlso {text}" if result.failed and result.message else text
    result.status = "FAIL"
