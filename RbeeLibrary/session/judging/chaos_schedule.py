"""Schedules of chaos: drawn by a seed, written as .robot lines, shrunk to what matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...faults.base import ChaosUse
from ...faults.keyed_random import draw
from ...faults.registry import KINDS

_MILLISECOND = 0.001
_WEIGHTS = {"ask": 9, "fault": 4, "kill": 2, "freeze": 2, "terminate": 2, "cancel": 1}
_MOST_TOKENS = 30
_PARTED = 0.5
"""Share of freezes in whose place the network is parted."""
_TARGETS = {"worker": 6, "hive": 2, "queen": 1}
"""How often a program of each role is hit."""

DISTURBANCES = {name: kind.chaos for name, kind in KINDS.items() if kind.chaos is not None}
"""Kinds of faults that a fleet has to withstand, with how chaos uses them."""
CUTS = tuple(name for name, kind in KINDS.items() if kind.chaos is not None and kind.cuts_stream)
"""Those of them after which a worker owes nobody the end of its stream."""


@dataclass(frozen=True)
class Step:
    """One keyword at one moment.

    Args:
        at: seconds of the run's clock since the beginning.
        keyword: its name.
        args: its arguments; the first one is the program or the inference it is about.
        assign: the variable that takes what it returns.
    """

    at: float
    keyword: str
    args: tuple[str, ...]
    assign: str = ""

    @property
    def target(self) -> str:
        """What it is about; empty if that is everything."""
        return self.args[0] if self.args else ""

    def line(self) -> str:
        """As it stands in a .robot file."""
        return "    ".join([*([f"${{{self.assign}}} ="] if self.assign else []), self.keyword, *self.args])

    def __str__(self) -> str:
        return f"{self.at:8.3f} s  {self.line()}"


def schedule(seed: int, programs: Mapping[str, Sequence[str]], faults: Sequence[str], duration: float, steps: int) -> list[Step]:
    """Draws a schedule; the same arguments give the same one, to the byte.

    Args:
        seed: of all draws.
        programs: names by role.
        faults: kinds of faults.
        duration: seconds over which the steps are spread.
        steps: how many there are; what ends a freeze or starts a program again comes on top.
    """
    found: list[Step] = []
    for number in range(steps):
        at = _rounded(duration * draw(seed, number, "at"))
        found += _steps(seed, number, at, programs, faults, duration)
    apart: list[Step] = []
    for step in sorted(found, key=lambda step: (step.at, step.line())):
        earliest = apart[-1].at + _MILLISECOND if apart else _MILLISECOND
        apart.append(Step(_rounded(max(step.at, earliest)), step.keyword, step.args, step.assign))
    return apart


def _steps(seed: int, number: int, at: float, programs: Mapping[str, Sequence[str]], faults: Sequence[str], duration: float) -> list[Step]:
    weights = {kind: weight for kind, weight in _WEIGHTS.items() if kind != "fault" or faults}
    kind = "ask" if number == 0 else _weighted(weights, seed, number, "kind")
    if kind == "ask":
        tokens = 1 + int(draw(seed, number, "tokens") * _MOST_TOKENS)
        name = f"chaos-{number}"
        args = (f"question {number}", f"to={programs['queen'][0]}", f"max_tokens={tokens}", f"request_id={name}", "timeout=20s")
        return [Step(at, "Submit Inference", args, name)]
    if kind == "cancel":
        by = _pick(("delete", "disconnect"), seed, number, "by")
        asked = int(draw(seed, number, "asked") * number)
        return [Step(at, "Cancel Inference", (f"${{chaos-{asked}}}", f"by={by}"))]
    if kind == "fault":
        return [_fault(_pick(sorted(faults), seed, number, "fault"), seed, number, at, programs)]
    later = _rounded(at + 0.1 + draw(seed, number, "dwell") * duration / 3)
    role = _weighted({role: weight for role, weight in _TARGETS.items() if programs.get(role)}, seed, number, "role")
    target = _pick(programs[role], seed, number, "target")
    if kind == "freeze" and (lines := _lines(programs)) and draw(seed, number, "parted") < _PARTED:
        return [Step(at, "Partition", (_pick(lines, seed, number, "line"),)), Step(later, "Heal", ())]
    if kind == "freeze":
        return [Step(at, "Freeze", (target,)), Step(later, "Resume", (target,))]
    return [Step(at, "Kill" if kind == "kill" else "Terminate", (target,)), Step(later, "Restart", (target, "timeout=5s"))]


def _lines(programs: Mapping[str, Sequence[str]]) -> list[str]:
    """Every two programs that talk to each other, as groups of a partition."""
    pairs = [("queen", "hive"), ("queen", "worker"), ("hive", "worker")]
    return [f"{one} | {other}" for left, right in pairs for one in programs.get(left, ()) for other in programs.get(right, ())]


def _fault(kind: str, seed: int, number: int, at: float, programs: Mapping[str, Sequence[str]]) -> Step:
    use = DISTURBANCES.get(kind, ChaosUse("worker"))
    drawn = {
        "after_tokens": f"after_tokens={1 + int(draw(seed, number, 'after') * 12)}",
        "delay": f"delay={_rounded(0.1 + 9 * draw(seed, number, 'delay')):g}s",
    }
    args = [drawn.get(one, one) for one in use.arguments]
    target = _pick(programs.get(use.role) or programs["queen"], seed, number, "target")
    return Step(at, "Inject Fault", (target, kind.replace("-", " "), *args, f"times={1 + int(draw(seed, number, 'times') * 2)}"))


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _pick(options: Sequence[str], *keys: object) -> str:
    return options[int(draw(*keys) * len(options))]


def _weighted(weights: dict[str, int], *keys: object) -> str:
    left = draw(*keys) * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return name


def shrunk(steps: list[Step], fails: Callable[[list[Step]], bool], may_go_on: Callable[[], bool]) -> list[Step]:
    """The fewest steps that still fail, by delta debugging (ddmin): no single one of them can be left out.

    Args:
        steps: that fail.
        fails: runs some of them in a fresh fleet.
        may_go_on: says when there is no more time; then the fewest so far are returned.
    """
    parts = 2
    while len(steps) >= 2:
        size = -(-len(steps) // parts)
        pieces = [steps[start : start + size] for start in range(0, len(steps), size)]
        rests = [[step for step in steps if step not in piece] for piece in pieces]
        for smaller, next_parts in [*((piece, 2) for piece in pieces), *((rest, parts - 1) for rest in (rests if parts > 2 else []))]:
            if not may_go_on():
                return steps
            if fails(smaller):
                steps, parts = smaller, next_parts
                break
        else:
            if parts >= len(steps):
                break
            parts = min(len(steps), parts * 2)
    return steps
