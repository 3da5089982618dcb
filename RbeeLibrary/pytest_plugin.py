"""The pytest plugin: the fixture `rbee`, with leak and unused-fault checks, and evidence for failed tests.

def test_killed_worker_leaves_the_list(rbee):
    rbee.start_fleet(workers=1)
    rbee.kill("worker-1")
    assert rbee.wait_for_records("hive", "worker_removed", worker_id="worker-1")
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .python_api import Rbee

_EVIDENCE = "evidence.html"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the plugin."""
    group = parser.getgroup("rbee")
    group.addoption("--rbee-artifacts", metavar="DIR", help="folder for output, journals and evidence; default: below pytest's temporary folder")
    group.addoption("--rbee-on-leak", choices=("fail", "warn", "ignore"), default="fail", help="what a process that outlives its owner does to the test")
    group.addoption("--rbee-on-unused-fault", choices=("fail", "warn", "ignore"), default="warn", help="what a fault that was never hit does to the test")


@pytest.fixture(scope="session")
def rbee_session(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rbee]:
    """One run for all tests of a pytest process; ended with it."""
    from .python_api import Rbee
    from .session.scoped_settings import Settings
    from .session.types import OnLeak, OnUnusedFault

    chosen = pytestconfig.getoption("--rbee-artifacts")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("rbee", numbered=False)
    settings = Settings(
        on_leak=OnLeak(pytestconfig.getoption("--rbee-on-leak").upper()),
        on_unused_fault=OnUnusedFault(pytestconfig.getoption("--rbee-on-unused-fault").upper()),
    )
    rbee = Rbee(folder, settings=settings)
    yield rbee
    rbee.session.close()


@pytest.fixture
def rbee(rbee_session: Rbee, request: pytest.FixtureRequest) -> Iterator[Rbee]:
    """Starts programs of rbee for one test; all of them end with it."""
    from .session.judging.scope_end import end_test

    session = rbee_session.session
    session.open_scope(request.node.name)
    request.node.stash[_KEY] = rbee_session
    yield rbee_session
    del request.node.stash[_KEY]
    try:
        if session.run.is_running:
            session.inferences.abandon_all()
            session.inferences.forget_all()
            ended = end_test(session)
            for text in ended.warnings:
                warnings.warn(text, stacklevel=1)
            problems = [*ended.problems, *([ended.unproven] if ended.unproven else [])]
            if problems:
                pytest.fail("\n".join(problems), pytrace=False)
    finally:
        session.close_scope()


_KEY: pytest.StashKey[Any] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the evidence to the report of a failed test, and writes it as a page."""
    report = yield
    rbee = item.stash.get(_KEY, None)
    if report.failed and call.when == "call" and rbee is not None and rbee.session.run.is_running:
        report.sections.append(("rbee evidence", _evidence(rbee, item.name, str(call.excinfo.value) if call.excinfo else "")))
    return report


def _evidence(rbee: Rbee, test: str, message: str) -> str:
    from .report.page import page
    from .report.trace.timeline import TestSpan
    from .session.artifacts import write_private

    session, failed_at = rbee.session, time.monotonic_ns()
    evidence = session.evidence
    snapshot = evidence.snapshot("the test")
    verdict, tables = evidence.verdict(message, failed_at)
    trace = session.trace.take(TestSpan(session.run.scene_began, failed_at, failed_at))
    path = trace.folder / _EVIDENCE
    explore = f"<p><a href='{trace.write(test, 'FAIL', verdict.as_text(), '').name}'>Explore the trace</a></p>" if trace.records else ""
    write_private(path, page("Evidence of a failed test", verdict.as_html() + explore + snapshot + "".join(tables) + trace.as_timeline(is_open=True)))
    return "\n".join([verdict.as_text(), *evidence.as_text(), f"page: {path}"])
