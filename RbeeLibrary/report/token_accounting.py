"""Exact accounting of tokens: what workers wrote down against what clients have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..protocol.tokens import generated

_SEED = 42


@dataclass(frozen=True)
class Asked:
    """An inference, as its client sees it."""

    id: str
    prompt: str
    state: str
    is_over: bool
    texts: tuple[str, ...]
    wanted: int | None
    seed: int | None = None


def wrong_tokens(asked: Sequence[Asked], records: Sequence[dict[str, Any]], *, as_generated: bool) -> list[str]:
    """What does not add up, in words.

    Args:
        asked: all inferences.
        records: of all programs; those of tokens count.
        as_generated: the texts have to be those of contract 6.5 as well.
    """
    written: dict[str, dict[int, list[int]]] = {}
    names = {record["pid"]: record["name"] for record in records}
    for record in records:
        if record.get("record") == "token":
            written.setdefault(str(record["request_id"]), {}).setdefault(record["pid"], []).append(record["index"])
    return [text for one in asked for text in _wrong(one, written.get(one.id, {}), names, as_generated)]


def _wrong(asked: Asked, written: dict[int, list[int]], names: dict[int, str], as_generated: bool) -> list[str]:
    found = []
    came, count = len(asked.texts), sum(map(len, written.values()))
    if not asked.is_over:
        found.append(f"{asked.id} has not ended, it is {asked.state} with {came} tokens")
    if len(written) > 1:
        found.append(f"{asked.id} was answered by several workers: {', '.join(sorted(names[pid] for pid in written))}")
    for pid, indices in written.items():
        if indices != list(range(len(indices))):
            odd = next(position for position, index in enumerate(indices) if position != index)
            found.append(f"{names[pid]} wrote token {indices[odd]} of {asked.id} where token {odd} was due")
    if came > count:
        found.append(f"{asked.id} has {came} tokens, workers wrote {count}")
    if asked.state == "done" and came != count:
        found.append(f"{asked.id} is done with {came} tokens, workers wrote {count}")
    if asked.state == "done" and as_generated and asked.wanted is not None and came != asked.wanted:
        found.append(f"{asked.id} is done with {came} of {asked.wanted} tokens")
    if as_generated:
        due = generated(asked.prompt, _SEED if asked.seed is None else asked.seed, came)
        wrong = next((position for position, (text, right) in enumerate(zip(asked.texts, due, strict=True)) if text != right), None)
        if wrong is not None:
            found.append(f"token {wrong} of {asked.id} is {asked.texts[wrong]!r}, which is not what the worker generates")
    return found
