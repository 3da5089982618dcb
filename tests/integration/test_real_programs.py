"""Real programs among fakes, with stand-ins for the real ones: started, recorded, broken, judged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from running import ROOT, portion, robot

from RbeeLibrary.session.real.real_time import find_library

REAL = ROOT / "tests/data/real"
BUGS = {
    "Queen Mends A Broken Stream": r"truncated as complete: queen passed the truncated stream of req-\w+ on as complete",
    "Queen Routes While The Worker Loads": r"routed before ready: queen sent an inference to mock-worker-1 while it was loading",
    "Queen Hammers A Busy Worker": r"retried too soon: queen asked mock-worker-1 again after 0\.\d s, it was told 1 s",
    "Queen Repeats What It Relays": r"req-\w+ has 10 tokens, workers wrote 5",
    "Queen Forgets The Prompt": r"is refused \(500 Inference failed: HTTP 400 Bad Request\)",
    "Worker Sends No End": r"stream end: the stream of req-\w+ from worker-1 has no end marker",
    "Worker Sends Two Ends": r"stream end: the stream of req-\w+ from worker-1 has 2 end markers",
    "Worker Sends Too Much": r"is 6, expected == 5",
    "Worker Calls Back Before It Listens": r"callback before listening: worker-1 said that it is ready before its port accepted",
    "Option Without A Word": r"queen-rbee has no option for cascade: it takes port, database, config; another program needs another profile=",
    "Fault That Needs The Inside": r"slow-sweep needs the inside of queen, which is a real program; from outside work .*stall",
    "Waiting Fault That Needs The Inside": r"slow-sweep of queen needs the inside of the program, which is a real one",
    "Outgoing Requests Of A Fake": r"queen is no real program that runs: break what it sends at the fake that receives it",
    "Port Of Another Process": r"queen 'queen' \(pid \d+\) was started, but its port \d+ is answered by pid \d+",
}


@pytest.fixture(scope="module")
def bugs(tmp_path_factory):
    return robot(tmp_path_factory.mktemp("bugs"), str(REAL / "bugs.robot")).tests()


def test_whatever_is_said_of_a_fake_can_be_said_of_a_real_program(tmp_path):
    run = robot(tmp_path, str(REAL / "good.robot"), env={"PYTHONPATH": f"{ROOT}:{REAL}"})  # a hive is started from another folder than its stand-in's
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}, run.output
    printed = [path for path in (tmp_path / "rbee").rglob("*.std*") if b"my key is" in path.read_bytes()]
    assert len(printed) == 1
    assert [path for path in (tmp_path / "rbee").rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()] == []
    assert "not judged, because a real program does not tell enough: too many in flight (worker-1)" in (tmp_path / "output.xml").read_text()


def test_all_bugs_are_looked_at(bugs):
    assert set(bugs) == set(BUGS)


@pytest.mark.parametrize("name", BUGS)
def test_bug_is_caught_with_the_right_words(bugs, name):
    assert bugs[name].failed
    assert re.search(BUGS[name], bugs[name].message, re.MULTILINE), bugs[name].message


@pytest.mark.skipif(find_library() is None, reason="libfaketime moves the clocks of real programs")
def test_clocks_of_real_programs_are_moved(tmp_path):
    run = robot(tmp_path, str(REAL / "time.robot"))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}, run.output
    pids = [path.stem.rpartition("-")[2] for path in (tmp_path / "rbee").rglob("queen-*.jsonl")]
    assert len(pids) == 3
    assert [path for pid in pids for path in (*Path("/dev/shm").glob(f"faketime_shm_{pid}"), *Path("/dev/shm").glob(f"sem.faketime_sem_{pid}"))] == []
    assert "WARN" not in run.output


def test_program_whose_clock_is_not_moved_is_named(tmp_path):
    run = robot(tmp_path, str(REAL / "apart.robot"))
    assert run.rc == 0, run.output
    assert "[ WARN ] the clock of queen is not moved: libfaketime is not installed (package faketime of the system)" in run.output


QUEEN, HIVE, WORKER, KEEPER = "queen-rbee", "rbee-hive", "llm-worker-rbee", "rbee"
DIFFERS = {
    QUEEN: {"Queen Lists Its Workers"},
    HIVE: {"Killed Worker Leaves The List"},
    WORKER: {"Inference Is Cancelled"},
    KEEPER: {"Stream That Breaks Is A Failure"},
}
"""Program -> tests in which the stand-in without bugs differs from the fake."""
SKIPPED = {
    QUEEN: {"Option That Only The Fake Has", "Timer That Only The Fake Shows", "Record That Only The Fake Writes"},
    HIVE: {"Memory Of The Node", "Timer That Only The Fake Shows"},
    WORKER: {"Slots Of The Worker"},
    KEEPER: {"Timer That Only The Fake Shows"},
}
"""Program -> tests that cannot judge it."""
OF_HIVES = {
    "Hive Starts The Worker Of A Task",
    "Hive Lists Its Worker",
    "One Request Starts One Worker",
    "Workers End With Their Hive",
    "Worker Gets A Model",
}
OF_WORKERS = {"Stream Is Complete", "Limit Of Tokens Is Kept", "Ready Worker Answers"}
BUGGY = {
    (QUEEN, ""): set(),
    (QUEEN, "forgets-prompts"): {"Task Brings The Tokens Of Its Prompt", "Tokens Add Up", "Broken Stream Stays Broken", "Loading Worker Gets No Request"},
    (QUEEN, "answers-twice"): {"Tokens Add Up"},
    (QUEEN, "mends-streams"): {"Broken Stream Stays Broken"},
    (QUEEN, "routes-while-loading"): {"Loading Worker Gets No Request"},
    (QUEEN, "hammers-after-503"): {"Busy Worker Is Left Alone"},
    (HIVE, ""): set(),
    (HIVE, "leaves-workers"): OF_HIVES,
    (HIVE, "loses-a-worker"): {"Hive Lists Its Worker", "Hive Starts The Worker Of A Task"},
    (HIVE, "wrong-url"): OF_HIVES,
    (HIVE, "forgets-the-model"): {"Worker Gets A Model"},
    (HIVE, "two-for-one"): {"One Request Starts One Worker", "Hive Lists Its Worker"},
    (WORKER, ""): set(),
    (WORKER, "no-end"): OF_WORKERS,
    (WORKER, "two-ends"): OF_WORKERS,
    (WORKER, "drops-a-token"): {"Limit Of Tokens Is Kept"},
    (WORKER, "ignores-max-tokens"): {"Limit Of Tokens Is Kept"},
    (WORKER, "says-ready-early"): {"Ready Worker Answers"},
    (KEEPER, ""): set(),
    (KEEPER, "prints-twice"): {"Keeper Prints The Answer"},
    (KEEPER, "asks-twice"): {"Keeper Asks Once"},
    (KEEPER, "swallows-errors"): {"Refusal Is Told"},
    (KEEPER, "wrong-code"): {"Unknown Node Is A Failure"},
    (KEEPER, "loses-the-prompt"): {"Keeper Prints The Answer"},
}
"""Program and planted bug -> tests that differ because of it."""
ROLES = {QUEEN: "queen", HIVE: "hive", WORKER: "worker", KEEPER: "keeper"}


def tried() -> list[tuple[str, str]]:
    """Each program without bugs, and a sixth of the bugs, others for each commit; all with `RBEE_BUGS=all`."""
    bugs = portion([one for one in BUGGY if one[1]], 6, "RBEE_BUGS")
    return [*((program, "") for program in ROLES), *bugs]


def judged(folder, program: str, bug: str, *words: str):
    """A run of the suite that judges the role of a program."""
    role = ROLES[program]
    env = {"STAND_IN_BUGS": bug, "STAND_IN_FIRST_PORT": str(18200 + 20 * list(BUGGY).index((program, bug))), "PYTHONPATH": f"{ROOT}:{REAL}"}
    return robot(folder, "-v", f"{role.upper()}:{REAL / program}", *words, str(REAL / f"judged_{role}.robot"), env=env)


@pytest.mark.parametrize(("program", "bug"), tried(), ids=lambda word: word or "none")
def test_suites_judge_a_real_program(tmp_path, program, bug):
    """Each test holds, differs or cannot be judged; the page and the metadata say which, and why."""
    run = judged(tmp_path, program, bug)
    tests = run.tests()
    assert {name for name, test in tests.items() if test.status == "SKIP"} == SKIPPED[program], run.output
    failed = {name for name, test in tests.items() if test.status == "FAIL"}
    assert failed >= BUGGY[program, bug] if bug else failed == DIFFERS[program], run.output
    assert failed <= BUGGY[program, bug] | DIFFERS[program], run.output
    if bug == "wrong-url":
        assert "hive says that its URL is 'http://127.0.0.1:18" in tests["Hive Lists Its Worker"].message
    page = (tmp_path / "rbee/conformance.html").read_text()
    for name, test in tests.items():
        verdict = {"PASS": "holds", "FAIL": "differs", "SKIP": "cannot be judged"}[test.status]
        assert re.search(rf">{verdict}</td><td><a href='../log.html#{test.id}'>Judged {ROLES[program].title()}: {name}</a>", page), name
    held = len(tests) - len(failed) - len(SKIPPED[program])
    assert f"{held} hold, {len(failed)} differ, {len(SKIPPED[program])} cannot be judged" in run.result().suite.metadata["Conformance"]
    assert program != QUEEN or "<td>EC4 S04</td>" in page


def test_known_differences_fail_no_run(tmp_path):
    """The file that one run writes is the expectation of the next one: only new differences fail it, and one that is gone is named."""

    def queen(bug: str, *words: str):
        folder = tmp_path / (bug or "none")
        folder.mkdir()
        return judged(folder, QUEEN, bug, *words)

    first = queen("")
    assert first.rc == 1
    known = tmp_path / "none/rbee/differences.txt"
    assert known.read_text().splitlines()[1:] == ["Judged Queen.Queen Lists Its Workers"]
    known.write_text(known.read_text() + "Judged Queen.Tokens Add Up\n")
    second = queen("mends-streams", "-v", f"DIFFERENCES:{known}")
    assert second.rc == 1
    assert {name for name, test in second.tests().items() if test.failed} == {"Broken Stream Stays Broken"}
    assert second.tests()["Queen Lists Its Workers"].message.startswith(f"differs, as {known} says: number of workers listed by queen is 0")
    assert "no difference any more, take it out of the file of known differences: Judged Queen.Tokens Add Up" in second.output
    assert "2 differ" in second.result().suite.metadata["Conformance"] and "(known differences: 1)" in second.result().suite.metadata["Conformance"]
    assert "differs (known)</td>" in (tmp_path / "mends-streams/rbee/conformance.html").read_text()


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read: No such file or directory"), ("Tokens\n", "has the line 'Tokens', expected SUITE.TEST")])
def test_file_of_differences_that_is_none_is_an_error(tmp_path, content, said):
    path = tmp_path / "known.txt"
    if content is not None:
        path.write_text(content)
    run = robot(tmp_path, "-v", f"QUEEN:{REAL / 'queen-rbee'}", "-v", f"DIFFERENCES:{path}", str(REAL / "judged_queen.robot"))
    assert said in run.output
    assert run.rc != 0


def test_fakes_hold_where_no_real_program_is_named(tmp_path):
    run = robot(tmp_path, str(REAL / "judged_queen.robot"))
    assert {name for name, test in run.tests().items() if not test.passed} == set(), run.output
    assert not (tmp_path / "rbee/conformance.html").exists()


def test_path_that_is_no_program_is_an_error(tmp_path):
    """Not a test that is skipped: a suite may have a variable of the same name."""
    run = robot(tmp_path, "-v", "QUEEN:http://localhost:8080", str(REAL / "judged_queen.robot"))
    assert "queen=http://localhost:8080 is no program: expected the path of a real queen, or nothing for the fake" in run.output
    assert not [test for test in run.tests().values() if test.status == "SKIP"]
