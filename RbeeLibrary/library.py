"""The class that .robot files import."""

import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import library
from robot.libraries.BuiltIn import BuiltIn
from robot.running.context import EXECUTION_CONTEXTS

from .keywords.behaviour import BehaviourKeywords
from .keywords.chaos import ChaosKeywords
from .keywords.contract import ContractKeywords
from .keywords.faults import FaultKeywords
from .keywords.inference import InferenceKeywords
from .keywords.infrastructure import InfrastructureKeywords
from .keywords.journal import JournalKeywords
from .keywords.keeper import KeeperKeywords
from .keywords.lifecycle import LifecycleKeywords
from .keywords.ports import PortKeywords
from .keywords.processes import ProcessKeywords
from .keywords.settings import Settings, SettingsKeywords, SettingsStack
from .keywords.state import StateKeywords, StateReader
from .keywords.stores import StoreKeywords
from .keywords.time_control import TimeKeywords
from .listener.coverage_recorder import CoverageRecorder
from .listener.failure_evidence import FailureEvidence
from .listener.live_output import LiveOutput
from .listener.timeline_log import TimelineLog
from .run.platform import require_supported
from .session.launcher import Launcher
from .session.scopes import Scopes
from .session.session import Session, seconds
from .session.stopper import GRACE, Ended, Stopper
from .session.types import AutoStop, OnLeak, OnUnusedFault, ProgramName


@library(scope="GLOBAL", listener="SELF", doc_format="MARKDOWN", version="0.1.0", auto_keywords=False, converters={ProgramName: ProgramName.convert})
class RbeeLibrary:
    """Starts a fleet of fake rbee programs as real processes, breaks it, and shows what happened.

    rbee spreads LLM inference over machines: a *keeper* (CLI) talks to a *queen*, the queen to a *hive* on each node, the hive starts *workers* that stream
    tokens over SSE. This library starts queen, hive and workers as processes that `ps` shows, with sockets, signals and exit codes of their own.

    ## How it reads

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

    `Get X` reads a value; with an operator it reads again until the value fits, at most `within=` long: `Get State    worker-1    ==    idle    within=5s`.
    Operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `not contains`, `starts`, `ends`, `matches`, `not matches`. Patience is always real time.

    ## What ends when

    What is started in a test (or its setup) ends with the test, what is started in a suite setup ends with the suite, and nothing outlives the run, whatever
    way it ends. A process that outlives the graceful stop of its owner is a leak, and fails the test.

    ## Where the output goes

    Standard output and standard error of every program are files in `rbee/` below the output folder, one folder per test. A failed test shows
    all programs with their last lines in log.html.
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
    ):
        """Sets up the library.

        Args:
            timeout: How long starting and stopping a program may take, in real time.
            within: How long a keyword with an operator reads again, in real time.
            auto_stop: When what was started is stopped: with its `TEST`, with its `SUITE`, or `MANUAL`ly.
            console: Whether the output of the programs is shown live on the console as well, prefixed with their names.
            on_leak: What a process that outlived its owner's graceful stop does to the test: `FAIL`, `WARN` or `IGNORE`.
            on_unused_fault: What a fault that was never hit does to the test, which proved nothing: `WARN`, `FAIL` or `IGNORE`.
            artifacts: Folder for output and journals of the programs; default `${OUTPUT DIR}/rbee`.
            min_fault_coverage: Per cent of the table state x fault that the outermost suite has to reach; below it, its last test fails.
        """
        require_supported()
        self._artifacts = artifacts
        self._settings = SettingsStack(Settings(seconds(timeout, 10), seconds(within, 2), auto_stop, on_leak, on_unused_fault))
        self._context = Session(self._settings, self._artifact_folder)
        endings = Stopper(self._context)
        states = StateReader(self._context)
        self._launcher = Launcher(self._context, states)
        self._ports = PortKeywords()
        self._inferences = InferenceKeywords(self._context)
        self._faults = FaultKeywords(self._context)
        self._time = TimeKeywords(self._context)
        processes = ProcessKeywords(self._context, endings)
        journals = JournalKeywords(self._context)
        self._scopes = Scopes(self._context, endings)
        self._evidence = FailureEvidence(self._context, processes, journals, states)
        self._timeline = TimelineLog(self._context, journals)
        self._coverage = CoverageRecorder(min_fault_coverage)
        self._contract = ContractKeywords(self._context)
        self._console = LiveOutput(self._context) if console else None
        lifecycle = LifecycleKeywords(self._context, self._launcher, endings)
        for group in (
            lifecycle,
            InfrastructureKeywords(self._context, self._launcher),
            StoreKeywords(self._context),
            KeeperKeywords(self._context, self._launcher, endings),
            StateKeywords(self._context, states),
            self._inferences,
            self._faults,
            journals,
            BehaviourKeywords(self._context, journals),
            self._contract,
            ChaosKeywords(self._context, lifecycle, endings, self._inferences, journals, self._faults, self._time),
            self._time,
            processes,
            self._ports,
            SettingsKeywords(self._settings),
        ):
            self._take_keywords_of(group)
        running = EXECUTION_CONTEXTS.current
        if running is not None and not running.dry_run:
            self._context.warm_up()

    def _take_keywords_of(self, group: object) -> None:
        for name, method in inspect.getmembers(group, inspect.ismethod):
            if hasattr(method, "robot_name"):
                setattr(self, name, method)

    def _artifact_folder(self) -> Path:
        return self._artifacts or Path(BuiltIn().get_variable_value("${OUTPUT DIR}", ".")) / "rbee"

    # --- listener ---

    def start_suite(self, data: Any, result: Any) -> None:
        """Begins what belongs to a suite."""
        if not self._scopes.depth:
            self._coverage.begin(data.test_count)
        self._settings.open()
        self._time.open()
        self._scopes.open(self._ports.held(), self._launcher.nodes.names())
        self._context.open_scene(data.name)

    def start_test(self, data: Any, result: Any) -> None:
        """Begins what belongs to a test."""
        self._settings.open()
        self._time.open()
        self._scopes.open(self._ports.held(), self._launcher.nodes.names())
        self._context.open_scene(data.name)
        self._evidence.reset()
        if self._console is not None:
            self._console.start()

    def start_body_item(self, data: Any, result: Any) -> None:
        """Knows how deep the present keyword is."""
        self._evidence.enter()

    def end_body_item(self, data: Any, result: Any) -> None:
        """Takes the evidence at the first keyword that failed."""
        self._evidence.leave(result)

    def end_test(self, data: Any, result: Any) -> None:
        """Shows the evidence of a failed test, then stops what the test started."""
        if self._context.is_running:
            if self._console is not None:
                self._console.show_news()
            self._inferences.abandon_all()
            self._inferences.log_all()
            if result.failed:
                result.message = self._evidence.log(result.message)
            if (too_little := self._coverage.add(self._timeline.log(failed=result.failed))) is not None:
                _fail_also(result, too_little)
            self._judge_faults(result)
            if self._context.lost is not None:
                _fail_also(result, f"{self._context.lost}: what the library did is not known any more. Free some room, or set artifacts= of the import")
            watched = self._contract.watched()
            if self._settings.now.auto_stop is AutoStop.TEST:
                self._judge(self._scopes.end_processes(GRACE), result)
                self._context.drop_scratch()
            if (broken := self._contract.broken(watched, self._context.scene_began)) is not None:
                _fail_also(result, broken)
        self._close_scope()

    def end_suite(self, data: Any, result: Any) -> None:
        """Stops what the suite started."""
        if self._context.is_running and self._settings.now.auto_stop is not AutoStop.MANUAL:
            self._inferences.abandon_all()
            self._warn_of(self._scopes.end_processes(GRACE))
        self._close_scope()
        if not self._scopes.depth:
            self._coverage.end(self._artifact_folder(), result)

    def close(self) -> None:
        """Ends everything; called at the very end of the run, also after Ctrl+C twice."""
        self._context.close()
        self._ports.release_all_but(set())

    def _close_scope(self) -> None:
        ports, nodes = self._scopes.close()
        self._ports.release_all_but(ports)
        self._launcher.nodes.remove_all_but(nodes)
        self._time.close()
        self._settings.close()

    def _judge_faults(self, result: Any) -> None:
        policy = self._settings.now.on_unused_fault
        unused = self._faults.end()
        if not unused or policy is OnUnusedFault.IGNORE:
            return
        text = f"never hit: {', '.join(map(str, unused))}; the test proved nothing about it"
        if policy is OnUnusedFault.FAIL and result.passed:
            result.status, result.message = "FAIL", text
        else:
            logger.warn(text)

    def _judge(self, ended: Ended, result: Any) -> None:
        policy = self._settings.now.on_leak
        leaked = [*ended.leaked, *(process for process in ended.left if process not in ended.leaked)]
        if leaked and policy is OnLeak.FAIL:
            names = ", ".join(f"{process.name} (pid {process.pid})" for process in leaked)
            text = f"leaked: {names} outlived the graceful stop of what started it"
            _fail_also(result, text)
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
