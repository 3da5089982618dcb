"""Fakes compared with what the real programs were recorded to answer; stand-ins answer as recorded."""

from __future__ import annotations

import pytest
from parity import PAGE, PROGRAMS, all_answers, compared, matches, page
from parity_facts import recorded
from running import ROOT


def test_every_difference_of_a_fake_has_a_reason_and_the_page_is_up_to_date():
    text = page()
    assert [line for line in text.splitlines() if line.endswith("| differs |")] == []
    assert text == PAGE.read_text(encoding="utf-8"), "run python tests/tools/parity.py table"


@pytest.mark.parametrize("program", PROGRAMS)
def test_stand_in_answers_as_the_real_program(program):
    folder = ROOT / "tests/data/real"
    answers = all_answers(program, str(folder / program), {"PYTHONPATH": str(folder)})  # a hive is started from another folder
    different = {case.name: (case.facts, seen) for case, seen in answers if not matches(case.facts, seen)}
    assert different == {}


@pytest.mark.parametrize("change", [{"status": 500}, {"content-type": "text/html"}, {"body": {"status": "integer"}}], ids=str)
def test_answer_that_nobody_has_explained_differs(change):
    case = next(one for one in recorded("queen-rbee") if one.name == "health")
    assert compared("queen-rbee", case, case.facts).verdict == "same"
    assert compared("queen-rbee", case, {**case.facts, **change}).verdict == "differs"
