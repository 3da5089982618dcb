"""The end of a test: stops what it started, and finds what it did not notice itself."""

from __future__ import annotations

from dataclasses import dataclass

from ..programs.stopper import GRACE, Ended
from ..session import Session
from ..types import AutoStop, OnLeak, OnUnusedFault


@dataclass(frozen=True)
class ScopeEnd:
    """What came of the end of a test or suite, in sentences.

    Args:
        problems: reasons for which the test fails, also if it has passed.
        unproven: a fault that was never hit fails a test that has passed; an empty text if there is none.
        warnings: for the log.
        notes: for the log, without a warning.
    """

    problems: list[str]
    unproven: str
    warnings: list[str]
    notes: list[str]


def end_test(session: Session) -> ScopeEnd:
    """Ends the faults, inferences and processes of a test, by the policies in force."""
    settings = session.settings.now
    problems, warnings, notes, unproven = [], [], [], ""
    astray = session.faults.never_started()
    for fault in astray:
        problems.append(f"{fault} was armed for a program that was never started; started were {', '.join(session.programs.names()) or 'none'}")
    unused = [*(fault for fault in session.faults.end() if fault not in astray), *(f"partition {one}" for one in session.partitions.end())]
    if unused and settings.on_unused_fault is not OnUnusedFault.IGNORE:
        text = f"never hit: {', '.join(map(str, unused))}; the test proved nothing about it"
        if settings.on_unused_fault is OnUnusedFault.FAIL:
            unproven = text
        else:
            warnings.append(text)
    if session.run.lost is not None:
        problems.append(f"{session.run.lost}: what the library did is not known any more. Free some room, or set artifacts= of the import")
    journals = session.judge.journals_to_check()
    if settings.auto_stop is AutoStop.TEST:
        ended = session.scopes.end_processes(GRACE)
        leaked = [*ended.leaked, *(process for process in ended.left if process not in ended.leaked)]
        if leaked and settings.on_leak is OnLeak.FAIL:
            names = ", ".join(f"{process.name} (pid {process.pid})" for process in leaked)
            problems.append(f"leaked: {names} outlived the graceful stop of what started it")
        if settings.on_leak is OnLeak.WARN:
            warnings += _leak_warnings(ended)
        notes += _slow_notes(ended)
        session.run.drop_scratch()
    if off := session.judge.off_contract(journals, session.run.scene_began):
        problems.append("\n".join(["off contract: a fake said what its contract does not", *(f"  {line}" for line in off)]))
    if own := session.judge.own_errors(journals, session.run.scene_began):
        problems.append("\n".join(["own error: a background job of a fake failed", *(f"  {line}" for line in own)]))
    return ScopeEnd(problems, unproven, warnings, notes)


def end_suite(session: Session) -> ScopeEnd:
    """Ends the processes of a suite."""
    if session.settings.now.auto_stop is AutoStop.MANUAL:
        return ScopeEnd([], "", [], [])
    session.inferences.abandon_all()
    ended = session.scopes.end_processes(GRACE)
    return ScopeEnd([], "", _leak_warnings(ended), _slow_notes(ended))


def _leak_warnings(ended: Ended) -> list[str]:
    return [f"outlived the graceful stop of what started it: {', '.join(process.name for process in ended.leaked)}"] if ended.leaked else []


def _slow_notes(ended: Ended) -> list[str]:
    return [f"ended by SIGKILL after {GRACE:g} s: {', '.join(process.name for process in ended.slow)}"] if ended.slow else []
