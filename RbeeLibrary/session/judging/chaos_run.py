"""Runs a chaos schedule over a fleet, judges the fleet, and shrinks the schedule to what matters when the fleet fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from ...errors import UsageError
from ...report.history import History
from ...report.rules.fleet_rules import Finding, FleetRule, misbehaviour
from ..assertions import repeat_until
from ..inference.inference_client import OVER, Inference
from ..session import Session
from ..types import ArmedFault, InferenceState, TokenTexts
from .chaos_schedule import CUTS, DISTURBANCES, Step, schedule
from .chaos_shrinking import FLEET, ChaosShrinking
from .chaos_steps import ChaosSteps

_SETTLE = 360.0
"""Seconds of the run's clock after the last step: longer than every limit of the contract but the loading one."""
_CONVERGED = 100.0
"""Seconds of it after which registrations have to agree with the processes."""
_MILLISECOND = 0.001
_BEFORE = 30
"""Seconds of the clock for an inference before the chaos begins."""
_LINGER = 20.0
"""Seconds of the run's clock between the last step and the end of the faults."""

Perform = Callable[..., Any]
"""Carries out a step: keyword and arguments. Raises AssertionError or UsageError if it cannot be done."""


@dataclass(frozen=True)
class ChaosResult:
    """What came of a schedule.

    Args:
        drawn: the schedule.
        steps: the steps that remain, if the fleet failed; else all that were done.
        findings: what is wrong, in words; empty if the fleet behaved.
        robot_file: a .robot file that repeats `steps`.
        certainty: what is known of the remaining steps, to be said before them; empty if the fleet behaved.
    """

    drawn: list[Step]
    steps: list[Step]
    findings: list[str]
    robot_file: str
    certainty: str = ""


class ChaosRun:
    """One schedule of chaos.

    Args:
        session: whose fleet is hit.
        log: takes lines for the log.
        perform: carries out the steps of the first run; default: without a log.
        progress: takes a line now and then while the schedule is shrunk, for somebody who waits.
    """

    def __init__(self, session: Session, log: Callable[[str], object], perform: Perform | None = None, progress: Callable[[str], object] = str):
        self._session = session
        self._log = log
        self._progress = progress
        self._perform: Perform = perform or ChaosSteps(session)
        self._recipe: dict[str, Any] | None = None

    def unleash(self, seed: int, kinds: Sequence[str], duration: float, steps: int, shrink: float) -> ChaosResult:
        """Draws a schedule, runs it, judges the fleet, and shrinks the schedule if the fleet failed.

        Args:
            seed: of all draws.
            kinds: kinds of faults to draw from; empty = all that a fleet has to withstand.
            duration: seconds of the run's clock.
            steps: how many are drawn.
            shrink: limit for shrinking, seconds of real time; 0 does not shrink.
        """
        if steps < 1 or duration <= 0:
            raise UsageError(f"steps={steps} and duration={duration:g}s are no schedule: expected at least one step and some time")
        programs = {role: sorted(daemon.name for daemon in self._session.programs.of_role(role)) for role in FLEET}
        if not programs["queen"]:
            raise UsageError("there is no fleet to unleash chaos on: start one with Start Fleet    workers=2    token_delay=500ms")
        self._recipe = self._session.start.recipes.get(self._session.programs.find(programs["queen"][0]).pid)
        drawn = schedule(seed, programs, list(kinds) or sorted(DISTURBANCES), duration, steps)
        self._log("\n".join([f"chaos with seed {seed}", *map(str, drawn)]))
        end = max(duration, drawn[-1].at) + _LINGER
        armed = tuple(self._session.faults.armed)
        start = [self._recipe_line(), *map(_inject_line, armed)]
        if (refused := self._refused_before()) is not None:
            return ChaosResult(drawn, [], [refused], as_test(seed, [], end, start, self._texts(), ()), "none was done:")
        done, found = self.run(drawn, end)
        certainty = ""
        if found:
            shrunk = ChaosShrinking(self._session, self._recipe, armed, self._fresh_run, self._progress).shrink(done, end, found, shrink)
            undone = f"{len(drawn) - len(done)} of them could not be done, because of what was done before; " if len(done) < len(drawn) else ""
            before = f"with {', '.join(map(str, armed))} armed before, " if armed else ""
            done, found, certainty = shrunk.steps, shrunk.findings, f"{undone}{before}{shrunk.certainty}"
            self._log(certainty)
        return ChaosResult(drawn, done, found, as_test(seed, done, end, start, self._texts(), allowed_by(done)), certainty)

    def _fresh_run(self, steps: Sequence[Step], end: float) -> tuple[list[Step], list[str]]:
        """Runs some steps without a word in the log, in a fleet that has just been started."""
        visibly, log = self._perform, self._log
        self._perform, self._log = ChaosSteps(self._session), lambda _: None
        try:
            return self.run(steps, end)
        finally:
            self._perform, self._log = visibly, log

    def _refused_before(self) -> str | None:
        """What is wrong if the fleet refuses an inference even before the chaos begins: the chaos would try nothing then."""
        inference = self._perform("Submit Inference", "before the chaos", "to=queen", "max_tokens=1", "request_id=chaos-before", "timeout=20s")
        for _ in range(_BEFORE):
            if inference.state in OVER:
                break
            self._perform("Advance Time", "1 s")
        if inference.state is InferenceState.refused:
            return f"inferences: the fleet refused one before the chaos began, so nothing would be tried{inference.why()}"
        return None

    # --- one run ---

    def run(self, steps: Sequence[Step], end: float) -> tuple[list[Step], list[str]]:
        """Runs a schedule; returns the steps that could be done, and what is wrong."""
        session = self._session
        began = time.monotonic_ns()
        here = {process.pid for process in session.run.supervisor.alive()}
        old_rate = session.set_rate(0)
        own = list(session.faults.armed)
        variables: dict[str, Inference] = {}
        done: list[Step] = []
        now = 0.0
        try:
            for step in steps:
                self._perform("Advance Time", f"{step.at - now:.3f} s")
                now = step.at
                if self._is_possible(step, variables) and self._do(step, variables):
                    done.append(step)
            self._perform("Advance Time", f"{end - now:.3f} s")
            thaw = [Step(end, "Resume", (name,)) for name in self._frozen()]
            done += [step for step in thaw if self._do(step, variables)]
            for line in _calm(end, end, steps):
                self._perform(*line)
            apart = self._not_converged(began, here)
            self._perform("Advance Time", f"{_SETTLE - _CONVERGED:g} s")
            for inference in variables.values():
                inference.await_end(session.settings.now.within)
        except (AssertionError, UsageError) as error:
            return done, [f"time stands still: {error}"]
        finally:
            session.set_rate(old_rate)
            session.faults.armed[:] = own  # a fault that chaos has drawn need not be hit,
            session.partitions.end()  # and a partition need not be felt
        return done, [*(one.shown(self._session.run.scene_began) for one in apart), *self._findings(began, here, allowed_by(done))]

    def _do(self, step: Step, variables: dict[str, Inference]) -> bool:
        args = [variables[arg[2:-1]] if arg.startswith("${") else arg for arg in step.args]
        try:
            result = self._perform(step.keyword, *args)
        except (AssertionError, UsageError) as error:  # the chaos before it was in the way
            self._log(f"left out: {step}: {error}")
            return False
        if step.assign:
            variables[step.assign] = result
        return True

    def _is_possible(self, step: Step, variables: dict[str, Inference]) -> bool:
        if step.keyword == "Submit Inference":
            return True
        if step.keyword == "Heal":
            return not self._frozen()  # somebody could not be told
        if step.keyword == "Partition":
            return all(self._session.programs.responsive(name) is not None for name in step.target.split(" | "))
        if step.keyword == "Cancel Inference":
            inference = variables.get(step.target[2:-1])
            return inference is not None and inference.state not in OVER and not self._frozen()
        programs = self._session.programs
        process = programs.process_or_none(step.target)
        if process is None:
            return False
        if step.keyword == "Restart":
            owner = programs.owner_of(programs.find(step.target))
            return not process.alive and (owner is None or self._is_well(owner.name))
        if step.keyword == "Resume":
            return process.alive and process.frozen
        return process.alive and not process.frozen

    def _is_well(self, name: str) -> bool:
        return self._session.programs.responsive(name) is not None and not any(fault.name == name for fault in self._session.faults.armed)

    def _frozen(self) -> list[str]:
        return [process.name for process in self._session.run.supervisor.alive() if process.frozen]

    # --- judging ---

    def _findings(self, began: int, here: set[int], allowed: Sequence[FleetRule]) -> list[str]:
        judge = self._session.judge
        journals = judge.journals_to_check()
        found = [finding.shown(self._session.run.scene_began) for finding in misbehaviour(self._history(began, here), began) if finding.rule not in allowed]
        found += [f"off contract: {line}" for line in judge.off_contract(journals, began)]
        found += [f"own error: {line}" for line in judge.own_errors(journals, began)]
        return found + [f"tokens: {text}" for text in judge.wrong_tokens(began, self._texts())]

    def _not_converged(self, began: int, here: set[int]) -> list[Finding]:
        """What is not listed as it is, while the workers are not yet idle for so long that they end."""
        look = partial(self._session.judge.not_converged, self._history(began, here))
        return repeat_until(look, lambda found: not found, self._session.settings.now.within, self._session.run.supervisor.await_news)

    def _history(self, began: int, here: set[int]) -> History:
        return History([record for record in self._session.journals.settled(tokens=False) if record["ns"] >= began or record["pid"] in here])

    def _texts(self) -> TokenTexts:
        recipe = self._recipe or {}
        return TokenTexts.any if recipe.get("answer") is not None or recipe.get("answers") is not None else TokenTexts.generated

    def _recipe_line(self) -> str:
        if self._recipe is None:
            return "Comment    Start the fleet here, as your test does."
        return "    ".join(["Start Fleet", *(f"{name}={_word(name, value)}" for name, value in self._recipe.items() if value not in (None, ""))])


def as_test(seed: int, steps: Sequence[Step], end: float, start: Sequence[str], texts: TokenTexts, allowed: Sequence[FleetRule]) -> str:
    """A schedule as a .robot file that needs nothing else."""
    lines = [*start, "Set Time Rate    0"]
    now = 0.0
    for step in steps:
        lines += [f"Advance Time    {step.at - now:.3f} s", step.line()]
        now = step.at
    lines += ["    ".join(words) for words in _calm(now, end, steps)]
    behaved = "    ".join(["Fleet Should Have Behaved", *(rule.value for rule in allowed)])
    lines += [behaved, f"Advance Time    {_SETTLE - _CONVERGED:g} s"]
    lines += [behaved, f"Tokens Should Add Up    texts={texts.value}"]
    body = "\n".join(f"    {line}" for line in lines)
    return f"*** Settings ***\nLibrary         RbeeLibrary\n\n*** Test Cases ***\nChaos Of Seed {seed}\n{body}\n"


def _calm(now: float, end: float, steps: Sequence[Step]) -> list[tuple[str, ...]]:
    """What comes after the last step: nothing holds anybody up any more."""
    heal = [("Heal",)] if any(step.keyword == "Partition" for step in steps) else []
    return [("Advance Time", f"{end - now + _MILLISECOND:.3f} s"), ("Clear Faults",), *heal, ("Advance Time", f"{_CONVERGED:g} s")]


def allowed_by(steps: Sequence[Step]) -> list[FleetRule]:
    """Rules that a schedule breaks by the faults that it injects."""
    injected = {step.args[1].replace(" ", "-") for step in steps if step.keyword == "Inject Fault"}
    return [FleetRule.STREAM_END] if injected & set(CUTS) else []


def _word(name: str, value: Any) -> str:
    if name == "api_key":
        return "%{RBEE_API_KEY}"
    if name == "timeout":
        return f"{value:g}s"
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else str(value)


def _inject_line(fault: ArmedFault) -> str:
    """A fault that the test had armed before."""
    given = [f"{name}={value}" for name, value in fault.arguments().items()]
    return "    ".join(["Inject Fault", fault.name, fault.kind.replace("-", " "), *given])
