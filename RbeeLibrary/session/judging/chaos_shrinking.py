"""Shrinks a chaos schedule that broke the fleet to the steps that matter, in fresh fleets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError
from ...report.trace.timeline import TestSpan
from ..programs.stopper import GRACE
from ..session import Session
from ..types import ArmedFault
from .chaos_schedule import Step, shrunk
from .evidence import KeptEvidence

FLEET = ("queen", "hive", "worker")
"""Roles of the programs that a fresh fleet replaces."""
_MOST_TRIALS = 150
_TRIES_OF_A_RACE = 4
"""How often a part of a schedule is run that does not fail each time, because two things happen at the same moment."""
_REPLAYS = 3
_PROGRESS = 5.0
"""Seconds of real time between two lines about the progress."""

Run = Callable[[Sequence[Step], float], tuple[list[Step], list[str]]]
"""Runs steps up to a time of the clock; returns those that could be done, and what is wrong."""


@dataclass(frozen=True)
class Shrunk:
    """What remains of a schedule.

    Args:
        steps: that remain.
        findings: what is wrong after them.
        certainty: what is known of these steps.
    """

    steps: list[Step]
    findings: list[str]
    certainty: str


class ChaosShrinking:
    """Shrinks one schedule.

    Args:
        session: whose fleet it was.
        recipe: arguments of `Start Fleet`, None if the fleet was started in another way.
        armed: faults that the test had armed before the chaos; fresh fleets get them as well.
        run: runs steps.
        progress: takes a line now and then.
    """

    def __init__(self, session: Session, recipe: Mapping[str, Any] | None, armed: Sequence[ArmedFault], run: Run, progress: Callable[[str], object]):
        self._session = session
        self._recipe = recipe
        self._armed = armed
        self._run = run
        self._progress = progress
        self._not_armed: dict[str, str] = {}

    def shrink(self, steps: list[Step], end: float, found: list[str], limit: float) -> Shrunk:
        """Leaves out steps as long as the fleet fails in the same way.

        The evidence of the test is that of the last run that failed.

        Args:
            steps: that were done when the fleet failed.
            end: end of the schedule, seconds of the run's clock.
            found: what was wrong.
            limit: seconds of real time; 0 does not shrink.
        """
        if self._recipe is None:
            return Shrunk(steps, found, "these were done (not shrunk: the fleet was not started by Start Fleet, so it cannot be started again):")
        if not limit:
            return Shrunk(steps, found, "these were done (shrink=0, so nobody has tried which of them matter):")
        self._keep_evidence()
        trials = _Trials(self._try, end, _kinds(found), time.monotonic() + limit, (steps, found), self._progress)
        recurred = 0
        for tries in (1, _TRIES_OF_A_RACE):
            trials.tries = tries
            if recurred < _REPLAYS and trials.may_go_on():
                shrunk(trials.best[0], trials.fails, trials.may_go_on)
                recurred = sum(trials.fails_now(trials.best[0]) for _ in range(_REPLAYS))
        self._session.inferences.abandon_all()
        self._session.inferences.forget_all()
        remaining, findings = trials.best
        notes = [f"{fault} is not part of the fresh fleets: {why}" for fault, why in self._not_armed.items()]
        return Shrunk(remaining, [*findings, *notes], _certainty(len(steps), len(remaining), trials.count, recurred))

    def _try(self, steps: Sequence[Step], end: float, wanted: set[str]) -> tuple[list[Step], list[str]]:
        """Runs some steps in a fresh fleet; keeps the evidence if it fails in the wanted way."""
        assert self._recipe is not None
        session = self._session
        fleet = [process for process in session.run.supervisor.processes() if process.role in FLEET]
        session.inferences.abandon_all()
        session.inferences.forget_all()  # they were those of a trial
        session.stopper.end([process for process in fleet if process.alive], GRACE)
        session.programs.forget(fleet)
        session.faults.armed.clear()
        session.run.open_scene("chaos")
        session.start.fleet(**self._recipe)
        for fault in self._armed:
            try:
                session.faults.inject(fault.name, fault.kind, fault.direction, **fault.arguments())
            except UsageError as error:
                self._not_armed[str(fault)] = str(error)
        done, found = self._run(steps, end)
        if _kinds(found) & wanted:
            self._keep_evidence()
        return done, found

    def _keep_evidence(self) -> None:
        session, now = self._session, time.monotonic_ns()
        trace = session.trace.take(TestSpan(session.run.scene_began, now, now))
        session.evidence.kept = KeptEvidence(trace, session.evidence.snapshot("Unleash Chaos"), session.journals.settled(), now)


class _Trials:
    """The runs of one shrinking.

    Args:
        attempt: runs steps in a fresh fleet.
        end: end of the schedule.
        wanted: kinds of findings of which a failure has to have one.
        deadline: monotonic seconds.
        best: the shortest steps that have failed so far, with their findings.
        progress: takes a line now and then.
    """

    def __init__(
        self,
        attempt: Callable[[Sequence[Step], float, set[str]], tuple[list[Step], list[str]]],
        end: float,
        wanted: set[str],
        deadline: float,
        best: tuple[list[Step], list[str]],
        progress: Callable[[str], object],
    ):
        self._attempt = attempt
        self._end = end
        self._wanted = wanted
        self._deadline = deadline
        self._progress = progress
        self._told = time.monotonic()
        self.best = best
        self.count = 0
        self.tries = 1

    def fails_now(self, part: list[Step]) -> bool:
        """Whether the fleet fails after these steps in one further run."""
        self._tell()
        self.count += 1
        done, found = self._attempt(part, self._end, self._wanted)
        if not _kinds(found) & self._wanted:
            return False
        self.best = done, found
        return True

    def fails(self, part: list[Step]) -> bool:
        """Whether it fails in one of a few runs."""
        return any(self.may_go_on() and self.fails_now(part) for _ in range(self.tries))

    def may_go_on(self) -> bool:
        """Whether there is time for a further run."""
        return self.count < _MOST_TRIALS and time.monotonic() < self._deadline

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= _PROGRESS:
            self._told = now
            self._progress(f"chaos is shrunk: {self.count} runs, {len(self.best[0])} steps left, at most {max(0, self._deadline - now):.0f} s more")


def _certainty(before: int, after: int, runs: int, recurred: int) -> str:
    how = f"shrunk from {before} to {after} steps in {runs} runs"
    if recurred:
        return f"these matter ({how}; they failed again in {recurred} of {_REPLAYS} runs):"
    return f"these remain, but did not fail again in {_REPLAYS} runs, so they may not be the cause ({how}):"


def _kinds(found: Sequence[str]) -> set[str]:
    return {text.partition(":")[0] for text in found}
