"""The group Chaos: a schedule of disturbances that replays."""

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


class ChaosKeywords:
    """The group Chaos."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def unleash_chaos(
        self,
        *faults: FaultKind,
        seed: int = 1,
        duration: timedelta = timedelta(seconds=60),
        steps: int = 20,
        shrink: timedelta = timedelta(seconds=60),
    ) -> list[str]:
        """Asks, cancels, kills, freezes, ends and starts again, and injects faults, all drawn by a seed; then judges the fleet.

        The schedule is run on the run's clock, which stands still between its steps: a minute of chaos takes about a second. It depends on the arguments and
        the names of the programs, and on nothing else; the same seed gives the same schedule to the byte. After the last step the faults are cleared, what is
        frozen is resumed, and six minutes pass. Then the rules of `Fleet Should Have Behaved` and `Tokens Should Add Up` are the judges, and nobody may have
        left the contract.

        If they find something, parts of the schedule are run in fresh fleets until no step can be left out (delta debugging). The message has the seed and
        those steps, log.html has them as a test that can be pasted into a .robot file, and the timeline shows their last run.

        It wants a fleet of its own, from `Start Fleet` in the same test, with a `token_delay` so that streams can be hit in their middle: the delay costs no
        real time.

        ```robotframework
        Start Fleet    workers=2    token_delay=500ms
        Unleash Chaos    seed=7
        ```

        Args:
            faults: Kinds of faults to draw from; default: all that a fleet has to withstand. Kinds that break a rule by themselves are found to do so.
            seed: Of all draws.
            duration: How long the schedule is, on the run's clock.
            steps: How many steps are drawn; what ends a freeze, or starts a program again, comes on top.
            shrink: Limit for shrinking, in real time; `0` does not shrink.

        Returns:
            The schedule, a line for each step.

        Raises:
            AssertionError: the fleet misbehaved, or the tokens do not add up.
        """
        result = ChaosRun(self._session, logger.info, _run_keyword).unleash(
            seed, [kind.value for kind in faults], duration.total_seconds(), steps, shrink.total_seconds()
        )
        if result.findings:
            path = self._session.run.folder / f"chaos-seed-{seed}.robot"
            write_private(path, result.robot_file)
            shown = html.escape(result.robot_file)
            logger.info(f"<p>The steps that matter, as a test ({html.escape(str(path))}):</p><pre>{shown}</pre>", html=True)
            first = f"chaos with seed {seed} broke the fleet; of its {len(result.drawn)} steps these matter:"
            raise AssertionError("\n".join([first, *map(str, result.steps), *result.findings]))
        return [str(step) for step in result.drawn]


def _run_keyword(name: str, *args: Any) -> Any:
    """Runs a step as a keyword, so that the log shows it."""
    try:
        return BuiltIn().run_keyword(name, *args)
    except ExecutionFailed as error:
        raise AssertionError(str(error)) from None
