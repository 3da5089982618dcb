"""The group Chaos: reproducible random schedules of requests, signals and faults."""

import html
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.errors import ExecutionFailed
from robot.libraries.BuiltIn import BuiltIn

from ..session.artifacts import write_private
from ..session.judging.chaos_run import ChaosRun
from ..session.session import Session
from ..session.types import FaultKind
from .argument_types import Default, PositiveCount, Span

_MINUTE: Any = Default(timedelta(minutes=1))
_STEPS: Any = Default(20)


class ChaosKeywords:
    """Keywords of the group Chaos."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def unleash_chaos(
        self,
        *faults: FaultKind,
        seed: int = 1,
        duration: Span = _MINUTE,
        steps: PositiveCount = _STEPS,
        shrink: Span = _MINUTE,
    ) -> list[str]:
        """Runs a random schedule of inferences, cancellations, signals, restarts and faults, then checks the fleet.

        The schedule runs on the run's clock, which is held between the steps: a minute of chaos takes about a second. It depends on the arguments and the
        names of the programs only: the same seed gives the same schedule. After the last step, faults are cleared, frozen programs are resumed, and six minutes
        pass. Then the checks of `Fleet Should Have Behaved` and `Tokens Should Add Up` have to pass, and all responses have to match the contract.

        If they do not, parts of the schedule are run in fresh fleets until no step can be left out or the limit `shrink` is over (delta debugging); a line on
        the console tells the progress. Faults that the test has armed before are armed in fresh fleets as well. The message contains the seed and the
        remaining steps, and says whether they failed again. log.html shows them as a test to paste into a .robot file; evidence, timeline and trace are those
        of the last run that failed.

        Start the fleet with `Start Fleet` in the same test, with a `token_delay`, so that faults can hit streams in the middle. The delay costs no real time.

        ```robotframework
        Start Fleet    workers=2    token_delay=500ms
        Unleash Chaos    seed=7
        ```

        Args:
            faults: Kinds of faults to draw from; default: all that a fleet has to withstand. Kinds that break a rule by themselves make the keyword fail.
            seed: Seed of the schedule.
            duration: Length of the schedule on the run's clock.
            steps: Number of drawn steps; the steps that resume or restart a program are added to them.
            shrink: Time limit for shrinking, in real time; `0` turns shrinking off.

        Returns:
            The schedule, one line per step.

        Raises:
            AssertionError: the fleet broke a rule or the contract, or its tokens do not add up.
        """
        result = ChaosRun(self._session, logger.info, _run_keyword, _tell).unleash(
            seed, [kind.value for kind in faults], duration.total_seconds(), steps, shrink.total_seconds()
        )
        if result.findings:
            path = self._session.run.folder / f"chaos-seed-{seed}.robot"
            write_private(path, result.robot_file)
            shown = html.escape(result.robot_file)
            logger.info(f"<p>These steps as a test ({html.escape(str(path))}):</p><pre>{shown}</pre>", html=True)
            first = f"chaos with seed {seed} broke the fleet; {len(result.drawn)} steps were drawn, {result.certainty}"
            seen = ["in the last run that failed, with times since its start:"] if result.steps else []
            raise AssertionError("\n".join([first, *map(str, result.steps), *seen, *result.findings]))
        return [str(step) for step in result.drawn]


def _tell(progress: str) -> None:
    """On a line of its own: the console already has the name of the test."""
    logger.console(f"\n{progress}")


def _run_keyword(name: str, *args: Any) -> Any:
    """Runs a step as a keyword, so that the log shows it."""
    try:
        return BuiltIn().run_keyword(name, *args)
    except ExecutionFailed as error:
        raise AssertionError(str(error)) from None
