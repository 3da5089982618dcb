"""The option `history=`: one line for each test and run, and a page over all of them."""

from __future__ import annotations

from running import ROOT, robot

from RbeeLibrary.report.run_history import RunHistory

SUITE = """\
*** Settings ***
Library    RbeeLibrary    history={history}

*** Test Cases ***
Sometimes
    Start Worker    hive=None
    Inject Fault    worker-1    kill on request
    Run Keyword And Ignore Error    Get State    worker-1    ==    idle    within=0s
    Get Exit Code    worker-1    ==    ${{CODE}}
    [Teardown]    Comment    seed=42

Always
    No Operation
"""


def test_every_run_adds_a_line_for_each_test(tmp_path):
    (tmp_path / "suite.robot").write_text(SUITE.format(history=tmp_path / "history.db"))
    for number, code in enumerate(("-9", "0", "-9")):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = robot(folder, "-v", f"CODE:{code}", str(tmp_path / "suite.robot"))
    results = RunHistory(tmp_path / "history.db").results()
    sometimes = [one for one in results if one.test == "Suite.Sometimes"]
    assert [one.status for one in sometimes] == ["PASS", "FAIL", "PASS"]
    assert len({one.run for one in results}) == 3
    assert len(results) == 6
    assert sometimes[1].cause.startswith("worker-1 was killed by SIGKILL because of the injected fault kill-on-request")
    assert sometimes[1].seed == "42"
    assert all(0 < one.seconds < 60 for one in sometimes)
    assert run.result().suite.metadata["History"] == "3 runs, 1 flaky tests: [rbee/history.html|all tests]"
    page = (run.folder / "rbee/history.html").read_text()
    assert "Suite.Sometimes" in page.split("<h2>")[1]
    assert "Suite.Always" not in page.split("<h2>")[1]


def test_history_that_cannot_be_used_is_explained(tmp_path):
    (tmp_path / "suite.robot").write_text(SUITE.format(history="/dev/null/history.db"))
    run = robot(tmp_path, str(tmp_path / "suite.robot"))
    assert "/dev/null/history.db cannot be used as the history of tests" in run.output


def test_suites_of_the_project_take_the_option(tmp_path):
    history = tmp_path / "history.db"
    robot(tmp_path, "-v", f"HISTORY:{history}", "--test", "Slots Are Kept", str(ROOT / "suites/faults/fleet_rules.robot"))
    assert [one.status for one in RunHistory(history).results()] == ["PASS"]
