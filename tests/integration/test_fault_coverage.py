"""The table of lifecycle state x fault kind at the end of a run."""

from __future__ import annotations

import re

import pytest
from running import ROOT, robot

from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.report.fault_coverage import STATES, FaultCoverage, how_to_reach

SUITE = str(ROOT / "tests/data/library_suites/coverage.robot")
TITLE = "State x fault coverage"
POSSIBLE = sum(len(kind.states) for kind in KINDS.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return robot(tmp_path_factory.mktemp("coverage"), SUITE)


def test_metadata_have_what_was_reached(run):
    said = run.result().suite.metadata[TITLE]
    assert said.startswith(f"2 of {POSSIBLE} cells (2 %) in 2 tests of one robot process. [rbee/coverage.html|All cells]")
    assert re.search(r"^\| idle \| 1 of \d+ \| (?!.*\bdelay\b).*\bstatus\b", said, re.MULTILINE)
    assert re.search(r"^\| loading \| 1 of \d+ \| (?!.*\bstatus\b).*\bdelay\b", said, re.MULTILINE)
    assert re.search(r"^\| starting \| 0 of ", said, re.MULTILINE)


def test_page_shows_every_cell(run):
    page = (run.folder / "rbee/coverage.html").read_text()
    row = re.search(r"<tr><th>delay</th>(.*?)</tr>", page)
    assert row is not None
    cells = re.findall(r"<td[^>]*>.*?</td>", row[1])
    assert [bool(re.search("class='hit'>1<", cell)) for cell in cells] == [state == "idle" for state in STATES]
    assert "cannot be" in cells[0]
    assert "Inject Fault    worker-1    delay    # after Start Worker    load_time=1h    until=loading" in cells[1]
    assert page.count("<tr><th>") == len(KINDS) + 1


def test_real_program_that_tells_no_state_has_cells_too(tmp_path):
    run = robot(tmp_path, str(ROOT / "tests/data/library_suites/coverage_of_real.robot"))
    assert run.rc == 0, run.output
    said = run.result().suite.metadata[TITLE]
    assert said.startswith(f"3 of {POSSIBLE} cells (2 %) in 2 tests")
    assert re.search(r"^\| starting \| 0 of ", said, re.MULTILINE)
    assert re.search(r"^\| idle \| 1 of \d+ \| (?!.*\bdelay\b)", said, re.MULTILINE)
    assert re.search(r"^\| busy \| 2 of \d+ \| (?!.*\b(?:delay|stall)\b)", said, re.MULTILINE)


def test_minimum_fails_the_last_test(tmp_path):
    tests = robot(tmp_path, "-v", "MINIMUM:50", SUITE).tests()
    assert tests["Delay While Idle"].status == "PASS"
    assert tests["Status While Loading"].status == "FAIL"
    assert tests["Status While Loading"].message == f"{TITLE} is 2 %, demanded were 50 %; coverage.html says how to reach the rest"


def test_part_of_a_pabot_run_says_so(tmp_path):
    said = robot(tmp_path, "-v", "PABOTQUEUEINDEX:3", SUITE).result().suite.metadata[TITLE]
    assert "This run is one of several that pabot started; the other ones have tables of their own." in said


def test_run_without_faults_has_no_table(tmp_path):
    run = robot(tmp_path, str(ROOT / "suites/lifecycle/ports.robot"))
    assert TITLE not in run.result().suite.metadata
    assert not (tmp_path / "rbee/coverage.html").exists()


def test_program_that_still_starts_is_starting():
    coverage = FaultCoverage({"exit": ("starting", "loading")})
    coverage.add([{"record": "state", "pid": 1, "to": "idle"}, {"record": "fault", "pid": 1, "kind": "exit"}])
    assert coverage.reached == [("starting", "exit")]
    assert coverage.share == 50


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_lines_that_reach_cells_name_keyword_program_and_fault(kind):
    for state in KINDS[kind].states:
        words = re.split(r" {2,}", how_to_reach(state, kind))
        assert words[0] == "Inject Fault"
        assert words[1] in ("worker-1", "hive", "queen", "hub")
        assert words[2].replace(" ", "-") == kind
