"""Every keyword works with a real program of every role, or says why not. One of the roles is tried for each commit, all with `RBEE_ROLES=all`."""

from __future__ import annotations

import pytest
from real_keywords import FREE, PAGE, PROGRAMS, SSH, STAND_INS, TRIALS, cell, outcomes
from robot.libdocpkg import LibraryDocumentation
from running import portion

ROWS = {row.split("|")[1].strip(" `"): [one.strip() for one in row.split("|")[2:-1]] for row in PAGE.read_text().splitlines() if row.startswith("| `")}


@pytest.mark.parametrize("role", portion(list(PROGRAMS), 4, "RBEE_ROLES"))
def test_keyword_works_or_says_why_not(role, tmp_path):
    found = outcomes(role, str(STAND_INS / PROGRAMS[role]), tmp_path)
    assert {keyword: message for keyword, (status, message) in found.items() if status == "FAIL"} == {}
    column = list(PROGRAMS).index(role)
    shown = {keyword: cells[column] for keyword, cells in ROWS.items()}
    assert {trial.keyword: cell(found.get(trial.keyword)) for trial in TRIALS} == shown, "run python tests/tools/real_keywords.py"


def test_every_keyword_is_tried():
    assert {trial.keyword for trial in TRIALS} | {*FREE, *SSH} == {keyword.name for keyword in LibraryDocumentation("RbeeLibrary").keywords}
