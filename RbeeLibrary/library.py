"""The library class that .robot files import."""

import functools
import inspect
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import SkipExecution, logger
from robot.api.deco import library
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError
from robot.running.context import EXECUTION_CONTEXTS
from robot.utils import printable_name

from . import __version__
from .errors import UNEXPECTED, CannotJudge, InternalError, UsageError, with_place
from .keywords.argument_types import CONVERTERS, with_plain_defaults
from .keywords.behaviour import BehaviourKeywords
from .keywords.chaos import ChaosKeywords
from .keywords.contract import ContractKeywords
from .keywords.examples import with_example
from .keywords.faults import FaultKeywords
from .keywords.inference import InferenceKeywords
from .keywords.infrastructure import InfrastructureKeywords
from .keywords.journal import JournalKeywords
from .keywords.keeper import KeeperKeywords
from .keywords.lifecycle import LifecycleKeywords
from .keywords.load import LoadKeywords
from .keywords.network import NetworkKeywords
from .keywords.ports import PortKeywords
from .keywords.processes import ProcessKeywords
from .keywords.settings import SettingsKeywords
from .keywords.state import StateKeywords
from .keywords.stores import StoreKeywords
from .keywords.time_control import TimeKeywords
from .listener.history_recorder import HistoryRecorder
from .listener.known_differences import KnownDifferences
from .listener.test_listener import TestListener
from .run.interruption import interrupted_in_waits
from .run.platform import require_supported
from .session.scoped_settings import ScopedSettings, Settings
from .session.session import Session
from .session.types import AutoStop, OnLeak, OnUnusedFault, TraceOf

KEYWORD_GROUPS = (
    LifecycleKeywords,
    InfrastructureKeywords,
    NetworkKeywords,
    StoreKeywords,
    KeeperKeywords,
    StateKeywords,
    InferenceKeywords,
    LoadKeywords,
    FaultKeywords,
    JournalKeywords,
    BehaviourKeywords,
    ContractKeywords,
    ChaosKeywords,
    TimeKeywords,
    ProcessKeywords,
)
"""Keyword groups that take the session as their only argument."""


@library(scope="GLOBAL", listener="SELF", doc_format="MARKDOWN", version=__version__, auto_keywords=False, converters=CONVERTERS)
class RbeeLibrary:
    """Starts a fleet of fake rbee programs as real processes, breaks it, and shows what happened.

    rbee distributes LLM inference over machines: a *keeper* (CLI) talks to a *queen*, the queen to a *hive* on each node, and the hive starts *workers* that
    stream tokens over SSE. This library starts fakes of these programs as real processes, with sockets, signals and exit codes.

    ## Example

    ```robotframework
    *** Settings ***
    Library         RbeeLibrary
    Test Setup      Start Fleet    workers=1    token_delay=50ms

    *** Test Cases ***
    Killed Worker Breaks The Stream And Leaves The List
        ${answer} =    Submit Inference    write a short story    to=worker-1
        Wait For Tokens    ${answer}    8
        Kill    worker-1
        Get Inference State    ${answer}    ==    broken
        Get Exit Code    worker-1    ==    -9
        Get Worker Count    hive    ==    0
    ```

    ## Reading is asserting

    `Get X` reads a value. With an operator, it retries until the value meets the expectation, for `within=` at most:
    `Get State    worker-1    ==    idle    within=5s`. Operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `not contains`, `starts`, `ends`,
    `matches`, `not matches`. Timeouts of keywords are always real time.

    ## Lifetime of programs

    Programs started in a test or its setup end with the test, programs started in a suite setup end with the suite. Nothing outlives the run, however it
    ends. A process that outlives the graceful stop of its owner is a leak and fails the test.

    ## Output

    Standard output and standard error of every program are written to files in `rbee/` below the output folder, one folder per test. The log of a failed
    test shows all programs with their last output.
    """

    def __init__(
        self,
        timeout: timedelta = timedelta(seconds=10),
        within: timedelta = timedelta(seconds=2),
        auto_stop: AutoStop = AutoStop.TEST,
        console: bool = False,
        on_leak: OnLeak = OnLeak.FAIL,
        on_unused_fault: OnUnusedFault = OnUnusedFault.WARN,
        artifacts: Path | None = None,
        min_fault_coverage: int = 0,
        queen: str = "",
        hive: str = "",
        worker: str = "",
        keeper: str = "",
        differences: str = "",
        trace: TraceOf = TraceOf.FAILED,
        history: Path | None = None,
    ):
        """Imports the library.

        Args:
            timeout: Time limit for starting and stopping programs, in real time.
            within: How long a keyword with an operator retries before it fails, in real time.
            auto_stop: When programs are stopped: at the end of their `TEST`, of their `SUITE`, or `MANUAL`ly.
            console: Whether to print the output of programs to the console as well, prefixed with their names.
            on_leak: Effect of a leaked process on the test: `FAIL`, `WARN` or `IGNORE`.
            on_unused_fault: Effect of a fault that was never hit on the test, which then proves nothing about it: `WARN`, `FAIL` or `IGNORE`.
            artifacts: Folder for output and journals of the programs; default: `${OUTPUT DIR}/rbee`.
            min_fault_coverage: Minimum state x fault coverage of the outermost suite, in per cent; if it is missed, the last test fails.
            queen: Path of a real queen that takes the place of the fake one in every test. A keyword that a real program cannot serve then skips the test.
            hive: Path of a real hive, likewise.
            worker: Path of a real worker, likewise.
            keeper: Path of a real keeper, likewise.
            differences: Path of a file with known differences, such as `rbee/differences.txt` of an earlier run: only new differences then fail the run.
            trace: Tests that get a trace page, `trace.html` in their folder, with the same as Chrome trace events and as OTLP JSON: `FAILED`, `ALL` or `NONE`.
            history: SQLite file that gets a line for each test; `rbee/history.html` then shows which tests were flaky or slow over all runs.
        """
        require_supported()
        self._artifacts = artifacts
        settings = Settings(timeout.total_seconds(), within.total_seconds(), auto_stop, on_leak, on_unused_fault)
        self._session = Session(ScopedSettings(settings), self._artifact_folder, logger.info, logger.warn)
        real = {role: path for role, path in {"queen": queen, "hive": hive, "worker": worker, "keeper": keeper}.items() if path}
        for role, path in real.items():
            if not os.access(path, os.X_OK) or os.path.isdir(path):
                raise UsageError(f"{role}={path[:200]} is no program: expected the path of a real {role}, or nothing for the fake")
        self._session.launcher.real.judged.update(real)
        known = KnownDifferences(Path(differences) if differences else None)
        self._listener = TestListener(
            self._session,
            console=console,
            min_fault_coverage=min_fault_coverage,
            judged=real,
            known=known,
            trace=trace,
            history=HistoryRecorder(history),
        )
        for group in KEYWORD_GROUPS:
            self._take_keywords_of(group(self._session))
        self._take_keywords_of(PortKeywords(self._session.ports))
        self._take_keywords_of(SettingsKeywords(self._session.settings))
        running = EXECUTION_CONTEXTS.current
        if running is not None and not running.dry_run:
            self._session.run.warm_up()

    def _take_keywords_of(self, group: object) -> None:
        """Each keyword gets the name of its group as its tag, and its example."""
        topic = type(group).__name__.removesuffix("Keywords").lower()
        for name, method in inspect.getmembers(group, inspect.ismethod):
            if hasattr(method, "robot_name"):
                taken: Any = with_plain_defaults(interrupted_in_waits(self._guarded(method)))
                taken.robot_tags = (*taken.robot_tags, topic)
                taken.__doc__ = with_example(printable_name(name, code_style=True), taken.__doc__ or "")
                setattr(self, name, taken)

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The keyword, which skips the test where a real program that is judged cannot serve it, and says where the library itself is wrong."""

        @functools.wraps(method)
        def keyword(*args: Any, **named: Any) -> Any:
            try:
                return method(*args, **named)
            except CannotJudge as error:
                if self._session.launcher.real.judged:
                    raise SkipExecution(str(error)) from None
                raise
            except UNEXPECTED as error:
                raise InternalError(f"the library failed: {with_place(error, quotes=True)}") from error

        keyword.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        return keyword

    def _artifact_folder(self) -> Path:
        if self._artifacts is not None:
            return self._artifacts
        try:
            return Path(BuiltIn().get_variable_value("${OUTPUT DIR}", ".")) / "rbee"
        except RobotNotRunningError:
            raise UsageError("outside Robot Framework the library needs artifacts=, a folder for output and journals; or use RbeeLibrary.Fleet") from None

    # --- listener ---

    def start_suite(self, data: Any, result: Any) -> None:
        """Opens the scope of a suite."""
        self._listener.guarded("start of a suite", lambda: self._listener.start_suite(data.name, data.test_count))

    def start_test(self, data: Any, result: Any) -> None:
        """Opens the scope of a test."""
        self._listener.guarded("start of a test", lambda: self._listener.start_test(data.name))

    def start_body_item(self, data: Any, result: Any) -> None:
        """Tracks the depth of the current keyword."""
        self._listener.start_keyword()

    def end_body_item(self, data: Any, result: Any) -> None:
        """Collects evidence when the first keyword fails."""
        self._listener.guarded("end of a keyword", lambda: self._listener.end_keyword(data, result))

    def end_test(self, data: Any, result: Any) -> None:
        """Logs the evidence of a failed test, then stops the programs that the test started."""
        self._listener.guarded("end of a test", lambda: self._listener.end_test(result))
        self._listener.report_own_failures(result)

    def end_suite(self, data: Any, result: Any) -> None:
        """Stops the programs that the suite started."""
        self._listener.guarded("end of a suite", lambda: self._listener.end_suite(result, self._artifact_folder()))
        self._listener.report_own_failures(None)

    def close(self) -> None:
        """Ends all programs; called at the very end of the run, also after a second Ctrl+C."""
        self._session.close()
