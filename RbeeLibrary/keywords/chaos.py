"""Chaos that replays: a drawn schedule is run over a fleet, judged, and shrunk to what matters when the fleet fails."""

import html
import inspect
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, get_type_hints

from robot.api import TypeInfo, logger
from robot.api.deco import keyword
from robot.errors import ExecutionFailed
from robot.libraries.BuiltIn import BuiltIn
from robot.utils import printable_name

from ..report.fleet_rules import History, Rule, misbehaviour
from ..report.token_accounting import Asked, wrong_tokens
from ..session.assertions import UsageError
from ..session.chaos_schedule import CUTS, DISTURBANCES, Step, schedule, shrunk
from ..session.inference_client import OVER, Inference
from ..session.session import Session, seconds, write_private
from ..session.stopper import GRACE, Stopper
from ..session.types import FaultKind, Mark, TokenTexts
from .inference import InferenceKeywords
from .journal import JournalKeywords
from .lifecycle import LifecycleKeywords

_SETTLE = 360.0
"""Seconds of the run's clock after the last step: longer than every limit of the contract but the loading one."""
_MILLISECOND = 0.001
_LINGER = 20.0
"""Seconds of the run's clock between the last step and the end of the faults."""
_MOST_TRIALS = 150
_TRIES_OF_A_RACE = 4
"""How often a part of a schedule is run that does not fail each time, because two things happen at the same moment."""
_REPLAYS = 3


class StepFailed(Exception):
    """A step could not be done."""


class ChaosKeywords:
    """Two keywords of the group Judgement.

    Args:
        context: the run.
        lifecycle: starts the fleet again, for schedules that are tried in parts.
        endings: ends it before.
        inferences: knows what was asked.
        journals: reads what the programs wrote.
        others: more groups whose keywords are steps.
    """

    def __init__(
        self, context: Session, lifecycle: LifecycleKeywords, endings: Stopper, inferences: InferenceKeywords, journals: JournalKeywords, *others: object
    ):
        self._context = context
        self._lifecycle = lifecycle
        self._methods = {printable_name(name, code_style=True): method for group in (lifecycle, inferences, *others) for name, method in _keywords_of(group)}
        self._is_shrinking = False
        self._recipe: dict[str, Any] | None = None
        self._endings = endings
        self._inferences = inferences
        self._journals = journals

    @keyword
    def tokens_should_add_up(self, *, texts: TokenTexts = TokenTexts.any, since: Mark | None = None) -> None:
        """Judges the tokens of all inferences of the test, one by one. Contract 6.5, 7.4.

        Nobody has a token that no worker wrote, none was written twice or left out, an inference that is done has all of them, one worker answered it, and it
        has ended.

        Args:
            texts: `generated`: the texts have to be those that workers generate from prompt, seed and index as well; `any`: they answer something else.
            since: Judges only inferences that were submitted since this mark, from `Mark Journal`; default: since the test began.

        Raises:
            AssertionError: something does not add up; the message has it all.
        """
        began = since.ns if since is not None else self._context.scene_began
        found = self._wrong_tokens(began, texts)
        if found:
            raise AssertionError("\n".join([f"the tokens do not add up, findings: {len(found)}", *found]))
        logger.info("the tokens add up")

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
        if steps < 1 or duration <= timedelta(0):
            raise UsageError(f"steps={steps} and duration={duration.total_seconds():g}s are no schedule: expected at least one step and some time")
        programs = {role: sorted(daemon.name for daemon in self._context.daemons(role)) for role in ("queen", "hive", "worker")}
        if not programs["queen"]:
            raise UsageError("there is no fleet to unleash chaos on: start one with Start Fleet    workers=2    token_delay=500ms")
        self._recipe = self._context.recipes.get(self._context.find(programs["queen"][0]).pid)
        kinds = [kind.value for kind in faults] or sorted(DISTURBANCES)
        drawn = schedule(seed, programs, kinds, duration.total_seconds(), steps)
        logger.info("\n".join([f"chaos with seed {seed}", *map(str, drawn)]))
        end = max(duration.total_seconds(), drawn[-1].at) + _LINGER
        done, found = self._run(drawn, end)
        if found:
            done, found = self._shrunk(done, end, found, seconds(shrink, 0))
            self._give_up(seed, len(drawn), done, end, found)
        return [str(step) for step in drawn]

    # --- one run ---

    def _run(self, steps: Sequence[Step], end: float) -> tuple[list[Step], list[str]]:
        """Runs a schedule; returns the steps that could be done, and what is wrong."""
        began = time.monotonic_ns()
        here = {process.pid for process in self._context.supervisor.alive()}
        old_rate = self._context.coordinator.set_rate(0)
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
            for line in _calm(end, end):
                self._perform(*line)
            limit = self._context.settings.now.within
            for inference in variables.values():
                inference.await_change(lambda inference=inference: inference.state in OVER, limit)  # type: ignore[misc]
        except StepFailed as error:
            return done, [f"time stands still: {error}"]
        finally:
            self._context.coordinator.set_rate(old_rate)
            self._context.faults.armed.clear()  # a fault that chaos has drawn need not be hit
        return done, self._findings(began, here, _allowed(done))

    def _do(self, step: Step, variables: dict[str, Inference]) -> bool:
        args = [variables[arg[2:-1]] if arg.startswith("${") else arg for arg in step.args]
        try:
            result = self._perform(step.keyword, *args)
        except StepFailed as error:  # it could not be done: the chaos before it was in the way
            logger.info(f"left out: {step}: {error}")
            return False
        if step.assign:
            variables[step.assign] = result
        return True

    def _perform(self, name: str, *args: Any) -> Any:
        """Runs a keyword: the log shows it, but for the many runs of a schedule that is being shrunk."""
        try:
            if not self._is_shrinking:
                return BuiltIn().run_keyword(name, *args)
            method = self._methods[name]
            kinds = get_type_hints(method)
            positional = list(inspect.signature(method).parameters)
            values: dict[str, Any] = {}
            for position, arg in enumerate(args):
                key, equals, text = arg.partition("=") if isinstance(arg, str) else ("", "", "")
                key, value = (key, text) if equals and key in kinds else (positional[position], arg)
                values[key] = TypeInfo.from_type_hint(kinds[key]).convert(value, allow_unknown=True) if isinstance(value, str) else value
            return method(**values)
        except (ExecutionFailed, AssertionError, UsageError) as error:
            raise StepFailed(str(error)) from None

    def _is_possible(self, step: Step, variables: dict[str, Inference]) -> bool:
        if step.keyword == "Submit Inference":
            return True
        if step.keyword == "Cancel Inference":
            inference = variables.get(step.target[2:-1])
            return inference is not None and inference.state not in OVER and not self._frozen()
        process = self._context.process_or_none(step.target)
        if process is None:
            return False
        if step.keyword == "Restart":
            owner = self._context.owner_of(self._context.find(step.target))
            return not process.alive and (owner is None or self._is_well(owner.name))
        if step.keyword == "Resume":
            return process.alive and process.frozen
        return process.alive and not process.frozen

    def _is_well(self, name: str) -> bool:
        process = self._context.process_or_none(name)
        return process is not None and process.alive and not process.frozen and not any(fault.name == name for fault in self._context.faults.armed)

    def _frozen(self) -> list[str]:
        return [process.name for process in self._context.supervisor.alive() if process.frozen]

    # --- judging ---

    def _findings(self, began: int, here: set[int], allowed: Sequence[Rule]) -> list[str]:
        records = [record for record in self._journals.settled(tokens=False) if record["ns"] >= began or record["pid"] in here]
        rules = misbehaviour(History(records), began)
        found = [finding.shown(began) for finding in rules if finding.rule not in allowed]
        off = self._journals.read(None, ("off_contract",), Mark(began), tokens=False)
        found += [f"off contract: {one['name']} {one['method']} {one['path']} {one['status']}: {one['problem']}" for one in off]
        return found + [f"tokens: {text}" for text in self._wrong_tokens(began, self._texts())]

    def _texts(self) -> TokenTexts:
        recipe = self._recipe or {}
        return TokenTexts.any if recipe.get("answer") is not None or recipe.get("answers") is not None else TokenTexts.generated

    def _wrong_tokens(self, began: int, texts: TokenTexts) -> list[str]:
        asked = [
            Asked(one.id, one.prompt, one.state.value, one.state in OVER, tuple(token.text for token in one.tokens), one.wanted, one.seed)
            for one in self._inferences.all()
            if one.started_at * 1e9 >= began
        ]
        return wrong_tokens(asked, self._journals.read(since=Mark(began)), as_generated=texts is TokenTexts.generated)

    # --- shrinking ---

    def _shrunk(self, steps: list[Step], end: float, found: list[str], limit: float) -> tuple[list[Step], list[str]]:
        if self._recipe is None:
            logger.info("the schedule is not shrunk: the fleet was not started by Start Fleet, so it cannot be started again")
            return steps, found
        deadline, trials, tries = time.monotonic() + limit, 0, 1
        wanted = _kinds(found)
        best = steps, found

        def fails_now(part: list[Step]) -> bool:
            nonlocal trials, best
            trials += 1
            done, now_found = self._try(part, end)
            if not _kinds(now_found) & wanted:
                return False
            best = done, now_found
            return True

        def may_go_on() -> bool:
            return trials < _MOST_TRIALS and time.monotonic() < deadline

        def fails(part: list[Step]) -> bool:
            return any(may_go_on() and fails_now(part) for _ in range(tries))

        if not limit:
            return best
        self._is_shrinking = True
        level = BuiltIn().set_log_level("WARN")
        try:
            recurred = 0
            for often in (1, _TRIES_OF_A_RACE):
                tries = often
                if recurred < _REPLAYS and may_go_on():
                    shrunk(best[0], fails, may_go_on)
                    recurred = sum(fails_now(best[0]) for _ in range(_REPLAYS))  # last of all: the timeline of the test shows the last run
        finally:
            self._is_shrinking = False
            BuiltIn().set_log_level(level)
        logger.info(f"shrunk from {len(steps)} to {len(best[0])} steps in {trials} runs; these failed again in {recurred} of {_REPLAYS} runs")
        return best

    def _try(self, steps: list[Step], end: float) -> tuple[list[Step], list[str]]:
        """Runs some steps in a fresh fleet."""
        assert self._recipe is not None
        fleet = [process for process in self._context.supervisor.processes() if process.role in ("queen", "hive", "worker")]
        self._inferences.abandon_all()
        self._endings.end([process for process in fleet if process.alive], GRACE)
        self._context.forget(fleet)
        self._context.open_scene("chaos")
        self._lifecycle.start_fleet(**self._recipe)
        return self._run(steps, end)

    def _give_up(self, seed: int, drawn: int, done: list[Step], end: float, found: list[str]) -> None:
        text = as_test(seed, done, end, self._recipe_line(), self._texts(), _allowed(done))
        path = self._context.folder / f"chaos-seed-{seed}.robot"
        write_private(path, text)
        logger.info(f"<p>The steps that matter, as a test ({html.escape(str(path))}):</p><pre>{html.escape(text)}</pre>", html=True)
        lines = [f"chaos with seed {seed} broke the fleet; of its {drawn} steps these matter:", *map(str, done), *found]
        raise AssertionError("\n".join(lines))

    def _recipe_line(self) -> str:
        if self._recipe is None:
            return "Comment    Start the fleet here, as your test does."
        given = self._recipe
        return "    ".join(["Start Fleet", *(f"{name}={_word(name, value)}" for name, value in given.items() if value not in (None, ""))])


def as_test(seed: int, steps: Sequence[Step], end: float, start: str, texts: TokenTexts, allowed: Sequence[Rule]) -> str:
    """A schedule as a .robot file that needs nothing else."""
    lines = [start, "Set Time Rate    0"]
    now = 0.0
    for step in steps:
        lines += [f"Advance Time    {step.at - now:.3f} s", step.line()]
        now = step.at
    lines += ["    ".join(words) for words in _calm(now, end)]
    lines += ["    ".join(["Fleet Should Have Behaved", *(rule.value for rule in allowed)]), f"Tokens Should Add Up    texts={texts.value}"]
    body = "\n".join(f"    {line}" for line in lines)
    return f"*** Settings ***\nLibrary         RbeeLibrary\n\n*** Test Cases ***\nChaos Of Seed {seed}\n{body}\n"


def _calm(now: float, end: float) -> list[tuple[str, ...]]:
    """What comes after the last step: no fault holds anybody up any more, and all limits pass."""
    return [("Advance Time", f"{end - now + _MILLISECOND:.3f} s"), ("Clear Faults",), ("Advance Time", f"{_SETTLE:g} s")]


def _keywords_of(group: object) -> list[tuple[str, Any]]:
    return [(name, method) for name, method in inspect.getmembers(group, inspect.ismethod) if hasattr(method, "robot_name")]


def _allowed(steps: Sequence[Step]) -> list[Rule]:
    """Rules that a schedule breaks by the faults that it injects."""
    injected = {step.args[1].replace(" ", "-") for step in steps if step.keyword == "Inject Fault"}
    return [Rule.STREAM_END] if injected & set(CUTS) else []


def _kinds(found: Sequence[str]) -> set[str]:
    return {text.partition(":")[0] for text in found}


def _word(name: str, value: Any) -> str:
    if name == "api_key":
        return "%{RBEE_API_KEY}"
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else str(value)
