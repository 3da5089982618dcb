"""The history of tests: who is flaky, who is slow, and joining the files of several machines."""

from __future__ import annotations

import multiprocessing

import pytest

from RbeeLibrary.report.run_history import RunHistory, TestRun, TestStory, history_page, main, stories


def runs(test: str, letters: str, seconds: float = 1.0) -> list[TestRun]:
    """A result for each letter: p(assed), f(ailed), s(kipped)."""
    status = {"p": "PASS", "f": "FAIL", "s": "SKIP"}
    return [
        TestRun(f"run-{n}", test, float(n), status[one], seconds, "it broke" if one == "f" else "", "7" if one == "f" else "") for n, one in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("letters", "flips", "flaky"), [("pppp", 0, False), ("ppff", 1, False), ("ffpp", 1, False), ("ppfp", 2, True), ("pfsfp", 2, True), ("psp", 0, False)]
)
def test_flaky_is_what_goes_back_and_forth(letters, flips, flaky):
    story = TestStory("t", runs("t", letters))
    assert (story.flips, story.is_flaky) == (flips, flaky)


def test_slower_compares_the_last_runs_with_the_earlier_ones():
    quick, slow = runs("t", "p" * 8), runs("t", "p" * 5, seconds=3.0)
    assert TestStory("t", [*quick, *slow]).slower == pytest.approx(3.0)
    assert TestStory("t", quick).slower == 1.0


def test_results_are_kept_once_and_in_order(tmp_path):
    history = RunHistory(tmp_path / "new" / "history.db")
    history.add(runs("b", "pf"))
    history.add(runs("a", "p"))
    history.add(runs("b", "pf"))
    assert [(one.test, one.status) for one in history.results()] == [("b", "PASS"), ("a", "PASS"), ("b", "FAIL")]
    assert [story.name for story in stories(history.results())] == ["a", "b"]


def test_page_names_flaky_failing_and_slow_tests():
    page = history_page([*runs("Suite.Flaky <one>", "pfpfp"), *runs("Suite.Broken", "ppff"), *runs("Suite.Good", "ppp", seconds=9.0)])
    flaky, failing, slow = page.split("<h2>")[1:]
    assert "Suite.Flaky &lt;one&gt;" in flaky
    assert "it broke (seed 7)" in flaky
    assert flaky.count("class='FAIL'") == 2
    assert "Suite.Broken" not in flaky
    assert "Suite.Broken" in failing
    assert slow.index("Suite.Good") < slow.index("Suite.Broken")
    assert "FAIL, 1.00 s, 1970-01-01 00:00:01 UTC" in page
    assert "<script" not in page


def test_files_of_several_machines_are_joined(tmp_path, capsys):
    for name in ("one", "two"):
        RunHistory(tmp_path / f"{name}.db").add([TestRun(name, "t", 1.0, "PASS", 1.0), TestRun("shared", "t", 2.0, "PASS", 1.0)])
    words = [str(tmp_path / "one.db"), str(tmp_path / "two.db"), "--into", str(tmp_path / "all.db"), "--page", str(tmp_path / "all.html")]
    assert main(words) == 0
    assert main(words) == 0
    assert "3 results of 3 runs" in capsys.readouterr().out
    assert "1 tests in 3 runs" in (tmp_path / "all.html").read_text()


def test_wrong_files_are_explained(tmp_path, capsys):
    assert main([str(tmp_path / "none.db"), "--into", str(tmp_path / "all.db")]) == 1
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "text.db").write_text("this is no database, but long enough to be taken for one by nobody at all" * 20)
    with pytest.raises(ValueError, match="cannot be used as the history of tests: file is not a database; expected"):
        RunHistory(tmp_path / "text.db")


def _write(path, name):
    history = RunHistory(path)
    for number in range(20):
        history.add([TestRun(name, f"t{number}", float(number), "PASS", 1.0)])


def test_several_processes_write_at_the_same_time(tmp_path):
    path = tmp_path / "history.db"
    writers = [multiprocessing.get_context("spawn").Process(target=_write, args=(path, f"run-{number}")) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(RunHistory(path).results()) == 80
