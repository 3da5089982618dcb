"""The table of lifecycle state x fault kind at the end of a run."""

from __future__ import annotations

import re

import pytest
from running import ROOT, portion, robot

from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.report.fault_coverage import STATES, FaultCoverage
from RbeeLibrary.report.fault_recipes import recipe

SUITE = str(ROOT / "tests/data/library_suites/coverage.robot")
TITLE = "State x fault coverage"
ONE_HIT = """\
*** Settings ***
Library    RbeeLibrary

*** Test Cases ***
One Hit
    Start Queen
    Inject Fault    queen    delay    path=/health    delay=1ms
    Get State    queen    ==    idle
"""
POSSIBLE = sum(len(kind.states) for kind in KINDS.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return robot(tmp_path_factory.mktemp("coverage"), SUITE)


def test_metadata_are_one_line_with_a_link(run):
    said = run.result().suite.metadata[TITLE]
    assert said == f"2 of {POSSIBLE} cells (2 %) in 2 tests: [rbee/coverage.html|all cells]"


def test_of_several_suites_the_outermost_one_has_the_numbers(tmp_path):
    """Robot Framework makes it from two files, so nothing imports the library there."""
    for number in (1, 2):
        (tmp_path / f"{number}.robot").write_text(ONE_HIT)
    suite = robot(tmp_path, str(tmp_path / "1.robot"), str(tmp_path / "2.robot")).result().suite
    assert suite.metadata[TITLE] == f"1 of {POSSIBLE} cells (1 %) in 2 tests: [rbee/coverage.html|all cells]"
    assert [TITLE in inner.metadata for inner in suite.suites] == [False, False]


def row_of(page: str, kind: str) -> list[str]:
    """Cells of a kind of fault."""
    row = re.search(rf"<tr><th scope='row'>{kind}</th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None
    return re.findall(r"<td[^>]*>.*?</td>", row[1], re.DOTALL)


def test_page_shows_every_cell(run):
    page = (run.folder / "rbee/coverage.html").read_text()
    cells = row_of(page, "delay")
    assert ["class='hit'" in cell for cell in cells] == [state == "idle" for state in STATES]
    assert "impossible" in cells[0]
    assert "Start Worker    hive=None    load_time=1h    until=loading\n${fault} =    Inject Fault    worker-1    delay" in cells[1]
    assert page.count("<tr><th scope='row'>") == len(KINDS)


def test_numbers_lead_to_tests(run):
    ids = {name: test.id for name, test in run.tests().items()}
    cell = row_of((run.folder / "rbee/coverage.html").read_text(), "delay")[STATES.index("idle")]
    assert f"<summary>1</summary><ul><li><a href='../log.html#{ids['Delay While Idle']}'>Coverage.Delay While Idle</a></li></ul>" in cell


def test_real_program_that_tells_no_state_has_cells_too(tmp_path):
    run = robot(tmp_path, str(ROOT / "tests/data/library_suites/coverage_of_real.robot"))
    assert run.rc == 0, run.output
    said = run.result().suite.metadata[TITLE]
    assert said.startswith(f"3 of {POSSIBLE} cells (2 %) in 2 tests")
    page = (tmp_path / "rbee/coverage.html").read_text()
    hit = {(kind, state) for kind in KINDS for state, cell in zip(STATES, row_of(page, kind), strict=True) if "class='hit'" in cell}
    assert hit == {("delay", "idle"), ("delay", "busy"), ("stall", "busy")}


def test_minimum_fails_the_last_test(tmp_path):
    tests = robot(tmp_path, "-v", "MINIMUM:50", SUITE).tests()
    assert tests["Delay While Idle"].status == "PASS"
    assert tests["Status While Loading"].status == "FAIL"
    assert tests["Status While Loading"].message.splitlines()[0] == f"{TITLE} is 2 %, demanded were 50 %; coverage.html says how to reach the rest"


def test_part_of_a_pabot_run_says_so(tmp_path):
    said = robot(tmp_path, "-v", "PABOTQUEUEINDEX:3", SUITE).result().suite.metadata[TITLE]
    assert "in 2 tests of one robot process among those of pabot: [" in said


def test_run_without_faults_has_no_table(tmp_path):
    run = robot(tmp_path, str(ROOT / "suites/lifecycle/ports.robot"))
    assert TITLE not in run.result().suite.metadata
    assert not (tmp_path / "rbee/coverage.html").exists()


def test_program_that_still_starts_is_starting():
    coverage = FaultCoverage({"exit": ("starting", "loading")})
    coverage.add([{"record": "state", "pid": 1, "to": "idle"}, {"record": "fault", "pid": 1, "kind": "exit"}])
    assert coverage.reached == [("starting", "exit")]
    assert coverage.share == 50


def test_program_that_tells_no_state_is_idle_once_its_port_accepts():
    coverage = FaultCoverage({"exit": ("starting", "idle")})
    coverage.add([{"record": "bound", "pid": 1}, {"record": "fault", "pid": 1, "kind": "exit"}])
    assert coverage.reached == [("idle", "exit")]


@pytest.mark.parametrize("end", [{"record": "request_end"}, {"record": "answered", "status": 503}], ids=["end", "refusal"])
def test_program_that_tells_no_state_is_busy_until_the_end_of_its_last_inference(end):
    coverage = FaultCoverage({"exit": ("idle", "busy")})
    asked = [{"record": "request_in", "pid": 1, "n": number, "path": "/v1/inference"} for number in (7, 8)]
    fault = {"record": "fault", "pid": 1, "kind": "exit"}
    coverage.add([{"record": "bound", "pid": 1}, *asked, {**end, "pid": 1, "n": 7}, fault])
    assert coverage.reached == [("busy", "exit")]
    coverage.add([{"record": "bound", "pid": 1}, *asked, *({**end, "pid": 1, "n": number} for number in (7, 8)), fault])
    assert coverage.reached == [("idle", "exit"), ("busy", "exit")]


def test_every_recipe_hits_the_cell_that_it_is_in(tmp_path):
    """A share of the cells with each commit, all of them with RBEE_LONG=all."""
    cells = [(kind, state) for kind in sorted(KINDS) for state in KINDS[kind].states]
    tried = portion(cells, 4, "RBEE_LONG")
    tests = [line for kind, state in tried for line in (f"{kind} while {state}", *(f"    {step}" for step in recipe(state, kind)))]
    suite = tmp_path / "recipes.robot"
    suite.write_text("\n".join(["*** Settings ***", "Library    RbeeLibrary    trace=NONE", "*** Test Cases ***", *tests, ""]))
    run = robot(tmp_path, str(suite))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}
    page = (tmp_path / "rbee/coverage.html").read_text()
    missed = []
    for kind, state in tried:
        name, cell = f"Recipes.{kind} while {state}", row_of(page, kind)[STATES.index(state)]
        if "class='hit'" not in cell or name.lower() not in cell.lower():
            missed.append(name)
    assert missed == []
