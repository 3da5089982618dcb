"""The tokens of an answer: scripted by prompt or pattern, else those of the contract."""

from __future__ import annotations

import json

import pytest

from RbeeLibrary.fakes.worker.scripted_answers import ScriptedAnswers
from RbeeLibrary.protocol.model.gguf import Model
from RbeeLibrary.protocol.program_options import WorkerOptions
from RbeeLibrary.protocol.schema.messages import InferenceRequest
from RbeeLibrary.protocol.tokens import generated


def answers(tmp_path, table=None, **options) -> ScriptedAnswers:
    if table is not None:
        (tmp_path / "answers.json").write_text(json.dumps(table))
        options["answers"] = str(tmp_path / "answers.json")
    return ScriptedAnswers(WorkerOptions(worker_id="worker-1", **options))


def said(scripted: ScriptedAnswers, prompt: str, max_tokens: int | None = 20, seed: int = 42) -> list[str]:
    return list(scripted.tokens(InferenceRequest(prompt=prompt, max_tokens=max_tokens, seed=seed)))


def test_first_entry_that_fits_is_the_answer(tmp_path):
    scripted = answers(tmp_path, {"ping": "pong", "p.*": "a pattern", "what?": "a question mark"})
    assert said(scripted, "ping") == ["pong"]
    assert said(scripted, "pang") == ["a", " pattern"]
    assert said(scripted, "what?") == ["a", " question", " mark"]


def test_pattern_fits_the_whole_prompt(tmp_path):
    scripted = answers(tmp_path, {"ping": "pong", "(": "no pattern, but a prompt"}, answer="any other")
    assert said(scripted, "pinging") == ["any", " other"]
    assert said(scripted, "(") == ["no", " pattern,", " but", " a", " prompt"]


def test_newest_script_comes_first(tmp_path):
    scripted = answers(tmp_path, {"ping": "old"}, answer="any other")
    scripted.put_first("ping", "new")
    assert said(scripted, "ping") == ["new"]
    scripted.put_first(None, "for all")
    assert said(scripted, "ping") == ["for", " all"]


def test_answer_is_cut_at_the_most_tokens(tmp_path):
    assert said(answers(tmp_path, answer="one two three"), "x", max_tokens=2) == ["one", " two"]


def test_without_a_script_prompt_seed_and_index_decide(tmp_path):
    scripted = answers(tmp_path)
    assert said(scripted, "hello", 3) == list(generated("hello", 42, 3))
    assert said(scripted, "hello", 3, seed=7) == list(generated("hello", 7, 3)) != said(scripted, "hello", 3)
    assert said(scripted, "hello", None) == ["Once", " upon", " a", " time", "..."]


@pytest.mark.parametrize("table", [["ping"], {"ping": 1}, "ping"])
def test_other_files_are_refused(tmp_path, table):
    with pytest.raises(ValueError, match=r"--answers .*answers\.json: expected a JSON object of prompt or pattern -> text"):
        answers(tmp_path, table)


def test_engine_stops_at_the_end_of_sequence_id(tmp_path):
    scripted = answers(tmp_path, token_ids="5,2,7")
    model = Model("llama", 32000, 2, "Q4_K_M", 1000)
    assert [scripted.ends_at(index, model) for index in range(4)] == [False, True, False, False]
    assert not scripted.ends_at(1, None)
