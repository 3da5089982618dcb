"""Comparison of the tokens that workers recorded with those that clients received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...protocol.tokens import generated

_SEED = 42


@dataclass(frozen=True)
class Submitted:
    """An inference as its client sees it.

    Args:
        id: request id.
        prompt: the prompt.
        state: state of the inference, such as `done`.
        is_over: whether the inference has ended.
        texts: texts of the received tokens.
        wanted: requested number of tokens; None if the worker decides.
        seed: seed of the request; None for the default.
    """

    id: str
    prompt: str
    state: str
    is_over: bool
    texts: tuple[str, ...]
    wanted: int | None
    seed: int | None = None


def wrong_tokens(
    submitted: Sequence[Submitted], records: Sequence[dict[str, Any]], *, as_generated: bool, known_as: Mapping[str, str] | None = None
) -> list[str]:
    """Discrepancies between recorded and received tokens, as sentences.

    Args:
        submitted: all inferences.
        records: journal records of all programs.
        as_generated: whether the texts have to be those that contract 6.5 prescribes.
        known_as: request id at a worker -> request id of the client, where a real program between them passed no id on.
    """
    known_as = known_as or {}
    written: dict[str, dict[int, list[int]]] = {}
    names = {record["pid"]: record["name"] for record in records}
    for record in records:
        if record.get("record") == "token":
            request_id = str(record["request_id"])
            written.setdefault(known_as.get(request_id, request_id), {}).setdefault(record["pid"], []).append(record["index"])
    return [text for inference in submitted for text in _wrong(inference, written.get(inference.id, {}), names, as_generated)]


def _wrong(submitted: Submitted, written: dict[int, list[int]], names: dict[int, str], as_generated: bool) -> list[str]:
    findings = []
    received, count = len(submitted.texts), sum(map(len, written.values()))
    if not submitted.is_over:
        findings.append(f"{submitted.id} has not ended, it is {submitted.state} with {received} tokens")
    if len(written) > 1:
        findings.append(f"{submitted.id} was answered by several workers: {', '.join(sorted(names[pid] for pid in written))}")
    for pid, indices in written.items():
        if indices != list(range(len(indices))):
            position = next(position for position, index in enumerate(indices) if position != index)
            findings.append(f"{names[pid]} wrote token {indices[position]} of {submitted.id} where token {position} was due")
    if received > count:
        findings.append(f"{submitted.id} has {received} tokens, workers wrote {count}")
    if submitted.state == "done" and received != count:
        findings.append(f"{submitted.id} is done with {received} tokens, workers wrote {count}")
    if submitted.state == "done" and as_generated and submitted.wanted is not None and received != submitted.wanted:
        findings.append(f"{submitted.id} is done with {received} of {submitted.wanted} tokens")
    if as_generated:
        expected = generated(submitted.prompt, _SEED if submitted.seed is None else submitted.seed, received)
        wrong = next((position for position, (text, expected_text) in enumerate(zip(submitted.texts, expected, strict=True)) if text != expected_text), None)
        if wrong is not None:
            findings.append(f"token {wrong} of {submitted.id} is {submitted.texts[wrong]!r}, which is not what the worker generates")
    return findings
