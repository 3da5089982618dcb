"""What the real programs were recorded to answer is what `profile=real` accepts, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from parity_facts import Case, example_of, recorded

from RbeeLibrary.protocol.schema.real_answers import REAL_ROUTES, wrong_real_answer
from RbeeLibrary.protocol.sse import ServerSentEvent

CASES = [(program, case) for program in REAL_ROUTES for case in recorded(program)]


def body_of(case: Case) -> Any:
    shape = case.facts["body"]
    if shape == "text":
        return b"no"
    if case.facts["content-type"] != "text/event-stream" or shape is None:
        return None if shape is None else example_of(shape)
    events = [*shape, *([] if shape[-1] == "[DONE]" else ["[DONE]"])]
    return [ServerSentEvent(event if event == "[DONE]" else json.dumps(example_of(event))) for event in events]


def wrong(program: str, case: Case, **changed: Any) -> list[str]:
    facts = {**case.facts, "value": body_of(case), **changed}
    return wrong_real_answer(program, case.method, case.path.partition("?")[0], facts["status"], facts["allow"], facts["value"])


@pytest.mark.parametrize(("program", "case"), CASES, ids=lambda part: part if isinstance(part, str) else part.name)
def test_recorded_answers_fit(program, case):
    assert wrong(program, case) == []


@pytest.mark.parametrize(("program", "case"), CASES, ids=lambda part: part if isinstance(part, str) else part.name)
def test_other_answers_do_not_fit(program, case):
    assert wrong(program, case, status=418) != []
    if case.facts["status"] in (404, 405, 415, 422) and case.facts["content-type"] != "application/json":
        assert wrong(program, case, value={"error": {"code": "NOT_FOUND", "message": "x"}}) != []
    if case.facts["status"] == 405:
        assert wrong(program, case, allow=None) == [f"Allow is missing, expected {case.facts['allow']}"]
    if case.facts["content-type"] == "text/event-stream":
        assert wrong(program, case, value=body_of(case)[:-1]) == ["the stream has no [DONE] at its end"]


def test_there_are_171_recordings():
    assert len(CASES) == 171
