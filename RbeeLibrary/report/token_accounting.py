"""Exact accounting of tokens: what workers wrote down against what clients have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..protocol.tokens import generated

_SEED = 42


@dataclass(frozen=True)
class Submitted:
    """An inference, as its client sees it."""

    id: str
    prompt: str
    state: str
    is_over: bool
    texts: tuple[str, ...]
    wanted: int | None
    seed: int | None = None


def wrong_tokens(submitted: Sequence[Submitted], records: Sequence[dict[str, Any]], *, as_generated: bool) -> list[str]:
    """What does not add up, in words.

    Args:
        submitted: all inferences.
        records: of all programs; those of tokens count.
        as_generated: the texts have to be those of contract 6.5 as well.
    """
    written: dict[str, dict[int, list[int]]] = {}
    names = {record["pid"]: record["name"] for record in records}
    for record in records:
        if record.get("record") == "token":
            written.setdefault(str(record["request_id"]), {}).setdefault(record["pid"], []).append(record["index"])
    return [text for one in submitted for text in _wrong(one, written.get(one.id, {}), names, as_generated)]


def _wrong(submitted: Submitted, written: dict[int, list[int]], names: dict[int, str], as_generated: bool) -> list[str]:
    found = []
    came, count = len(submitted.texts), sum(map(len, written.values()))
    if not submitted.is_over:
        found.append(f"{submitted.id} has not ended, it is {submitted.state} with {came} tokens")
    if len(written) > 1:
        found.append(f"{submitted.id} was answered by several workers: {', '.join(sorted(names[pid] for pid in written))}")
    for pid, indices in written.items():
        if indices != list(range(len(indices))):
            odd = next(position for position, index in enumerate(indices) if position != index)
            found.append(f"{names[pid]} wrote token {indices[odd]} of {submitted.id} where token {odd} was due")
    if came > count:
        found.append(f"{submitted.id} has {came} tokens, workers wrote {count}")
    if submitted.state == "done" and came != count:
        found.append(f"{submitted.id} is done with {came} tokens, workers wrote {count}")
    if submitted.state == "done" and as_generated and submitted.wanted is not None and came != submitted.wanted:
        found.append(f"{submitted.id} is done with {came} of {submitted.wanted} tokens")
    if as_generated:
        due = generated(submitted.prompt, _SEED if submitted.seed is None else submitted.seed, came)
        wrong = next((position for position, (text, right) in enumerate(zip(submitted.texts, due, strict=True)) if text != right), None)
        if wrong is not None:
            found.append(f"token {wrong} of {submitted.id} is {submitted.texts[wrong]!r}, which is not what the worker generates")
    return found
