"""The library as Robot Framework runs it."""

import sys
import time
from types import SimpleNamespace

import pytest
from running import ROOT, await_none_left, robot

from RbeeLibrary.listener.live_output import LiveOutput

SUITES = ROOT / "tests/data/library_suites"


def test_background_work_of_the_fakes(tmp_path):
    run = robot(tmp_path, str(SUITES / "background.robot"))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}


def test_time_moves_the_same_way_every_time(tmp_path):
    run = robot(tmp_path, str(SUITES / "same_again.robot"))
    assert run.rc == 0, run.output


@pytest.mark.parametrize("policy", ["TEST", "SUITE", "MANUAL"])
def test_auto_stop(tmp_path, policy):
    began = time.time()
    run = robot(tmp_path, "-v", f"AUTO STOP:{policy}", str(SUITES / "auto_stop.robot"))
    assert run.rc == 0, run.output
    assert await_none_left(began) == []


def test_settings_end_with_their_scope(tmp_path):
    run = robot(tmp_path, str(SUITES / "settings.robot"))
    assert run.rc == 0, run.output


def test_console_shows_output_live_with_names(tmp_path):
    run = robot(tmp_path, str(SUITES / "console.robot"))
    assert "[queen] " in run.output
    assert "fake-queen 0.1.0 serves on http://127.0.0.1:" in run.output


def test_console_shows_lines_in_the_order_of_their_dates(tmp_path, capsys, monkeypatch):
    (tmp_path / "a.stderr").write_text("2026-01-01T00:00:02.000Z second\nand its detail\n2026-01-01T00:00:04.000Z fourth\n")
    (tmp_path / "b.stderr").write_text("2026-01-01T00:00:01.000Z first\n2026-01-01T00:00:03.000Z third\nnot complete")
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    LiveOutput(SimpleNamespace(outputs=lambda: str(tmp_path))).show_news()
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["first", "second", "detail", "third", "fourth"]


def test_output_is_quiet_without_console(tmp_path):
    run = robot(tmp_path, str(SUITES / "settings.robot"))
    assert "[queen]" not in run.output


def test_second_run_in_one_folder_does_not_show_output_of_the_first(tmp_path):
    for _ in range(2):
        robot(tmp_path, "-v", "AUTO STOP:TEST", str(SUITES / "auto_stop.robot"))
    (log,) = (tmp_path / "rbee").glob("*-first/of-the-first.stderr")
    assert log.read_text().count("serves on") == 1


def test_artifacts_are_for_their_owner_only(tmp_path):
    robot(tmp_path, str(SUITES / "console.robot"))
    for path in (tmp_path / "rbee").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(("policy", "status", "warned"), [("WARN", "PASS", True), ("FAIL", "FAIL", False), ("IGNORE", "PASS", False)])
def test_fault_that_was_never_hit_is_reported(tmp_path, policy, status, warned):
    run = robot(tmp_path, "-v", f"POLICY:{policy}", str(SUITES / "unused_fault.robot"))
    unused, used = run.tests()["Fault That Is Never Hit"], run.tests()["Fault That Is Hit"]
    unfelt, felt = run.tests()["Partition That Nobody Feels"], run.tests()["Partition That Is Felt"]
    assert [unused.status, used.status, unfelt.status, felt.status] == [status, "PASS", status, "PASS"]
    assert run.output.count("never hit: partition hive | queen") == (1 if warned or status == "FAIL" else 0)
    assert ("never hit: fault status of queen" in run.output) is (warned or status == "FAIL")
    assert ("WARN" in run.output) is warned
