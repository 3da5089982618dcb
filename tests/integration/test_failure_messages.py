"""Suites that must fail, and what a stranger reads in their messages and logs."""

import re
import time

import pytest
from running import ROOT, await_none_left, robot


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    began = time.time()
    run = robot(tmp_path_factory.mktemp("must_fail"), str(ROOT / "tests/data/failing_suites/failures.robot"))
    assert await_none_left(began) == []
    return run


MESSAGES = {
    "Wrong State": r"^state of queen is idle, expected == busy \(after \d+ ms\)$",
    "Worker That Ends While A State Is Waited For": r"^worker-1 cannot become busy: it exited with 0$",
    "Program That Dies While Starting": r"^worker 'worker-1' did not start: it exited with 1 while starting, [\d.]+ s after its start; "
    r"its last lines:\n.*/no/such/file\.json",
    "Port That Is Taken": r"^queen 'queen' could not be started: port \d+ is taken by pid \d+ \(.+\)$",
    "Too Few Tokens": r"^inference req-\w+ of worker-1 has brought 3 of 20 tokens and is done$",
    "Wrong Token Count": r"^number of tokens of inference req-\w+ of worker-1 is 3, expected == 4 \(after \d+ ms\)$",
    "Unknown Name": r"^there is no 'quen', running is queen$",
    "Message Of The User": r"^it was idle, not busy$",
    "Living Program Has No Exit Code": r"^exit code of queen is not known, queen \(pid \d+\) is still running, expected == 0 \(after \d+ ms\)$",
    "Frozen Program Cannot Be Stopped Twice": r"^queen cannot be sent SIGKILL, it has ended: it exited with 0$",
    "Failure That Is Caught Shows No Evidence": r"^something else$",
    "Failure Shows The Fleet": r"^worker-1 cannot become idle: it was ended by SIGKILL$",
    "Order That Did Not Happen": r"^worker-1 POST /v1/inference did not come after hive POST /v1/workers/spawn; nearest were\n"
    r"  worker-1 GET /v1/\w+ \(GET instead of POST, path /v1/\w+ instead of /v1/inference.*\)\n  .*\n  .*$",
    "Order That Was The Other Way Round": r"^hive POST /v1/workers/spawn did not come after hive POST /v1/workers/ready; nearest were\n"
    r"  hive POST /v1/workers/spawn \([\d.]+ ms too early\)\n",
    "Request At Another Program": r"^number of requests worker-1 POST /v1/inference is 0, expected == 1 \(after \d+ ms\); nearest were\n"
    r"  worker-2 POST /v1/inference \(at worker-2 instead of worker-1\)\n",
    "Timer That Nobody Waits For": r"^queen did not wait for busy-retry within 0\.05 s; waited for is queen sweep$",
    "Time That Goes Back": r"Argument 'by' got value '-1 s' .*: expected a time that is not negative$",
    "Rate That Cannot Be": r"^a rate of -1 cannot be: expected 0 to hold the clock, 1 for normal, 10 for ten times as fast$",
    "Load That Is Counted": r"^requests of the load is \d+, expected == 1000 \(after \d+ ms\)$",
    "Load Of The Test Before": r"^this test has no load: begin one with Keep Submitting    every=100ms, or with Start Load    users=10$",
    "Load That Is None Of Locust": r"^load of \d+ inferences is not one of Locust: end it with Stop Submitting$",
    "Partition Of One Group": r"^expected two groups of programs or more, such as `hive-1 \| queen`, not 'queen'$",
    "Partition With A Program On Both Sides": r"^hive is in two groups of hive \| queen, worker-1 \| hive$",
    "Partition Of Somebody Unknown": r"^there is no 'hive-7', running is queen$",
    "Partition Of A Frozen Program": r"^hive is frozen, so its network cannot be changed: resume it first$",
    "Partition Of A Line": r"^line is a line between two programs: name the programs, or use Cut Line or Stall Line$",
    "Parted Programs": r"^state of inference req-\w+ of queen is refused \(504 CONNECTION_TIMEOUT \S+ could not be reached, 3 attempts failed: "
    r"no answer within 10 s\), which is final, expected == done$",
    "Load Without A Rate": r"^rate=0/s is no load: expected a rate such as 20/s, or nothing for as many inferences as the users can$",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message_explains_the_failure(failed, name):
    test = failed.tests()[name]
    assert test.status == "FAIL"
    lines = test.message.splitlines()
    own = "\n".join(line for line in lines if not line.startswith(("nearest: ", "likely cause: ", "trace: ")))
    assert re.search(MESSAGES[name], own, re.DOTALL), test.message
    assert len(lines) <= 13


def test_every_failing_test_has_an_expected_message(failed):
    assert set(failed.tests()) == set(MESSAGES)


def test_partition_is_named_as_the_cause(failed):
    cause = failed.tests()["Parted Programs"].message.rpartition("likely cause: ")[2].splitlines()[0]
    assert re.fullmatch(r"queen cannot reach hive: the test parted hive \| queen, [\d.]+ m?s before the failure", cause)


@pytest.mark.parametrize("name", ["Program That Dies While Starting", "Worker That Ends While A State Is Waited For"])
def test_end_of_a_program_fails_at_once(failed, name):
    """Both have a limit of 30 s."""
    assert failed.tests()[name].elapsed_time.total_seconds() < 15


def _evidence(test):
    messages = [message for keyword in test.body for message in getattr(keyword, "body", [])] + list(test.body) + list(test.setup.body if test.setup else [])
    return [message.message for message in messages if getattr(message, "html", False) and "The fleet when" in message.message]


def test_evidence_shows_all_programs_once(failed):
    evidence = _evidence(failed.tests()["Failure Shows The Fleet"])
    assert len(evidence) == 1
    assert "The fleet when <i>Get State</i> failed" in evidence[0]
    for name in ("queen", "hive", "worker-1"):
        assert f">{name}</td>" in evidence[0]
        assert f"last output of {name}" in evidence[0]
    assert re.search(r">was ended by SIGKILL</td><td [^>]*>-9</td>", evidence[0])
    assert ">alive, idle</td>" in evidence[0]
    assert "serves on http://127.0.0.1:" in evidence[0]


def test_caught_failure_leaves_no_evidence_of_its_own(failed):
    evidence = _evidence(failed.tests()["Failure That Is Caught Shows No Evidence"])
    assert len(evidence) == 1
    assert "The fleet when <i>Fail</i> failed" in evidence[0]


def test_dry_run_finds_typos_and_starts_nothing(tmp_path):
    began = time.time()
    run = robot(tmp_path, "--dryrun", str(ROOT / "tests/data/failing_suites/typos.robot"))
    messages = {name: test.message for name, test in run.tests().items()}
    assert all(test.status == "FAIL" for test in run.tests().values()), messages
    assert "'idel'" in messages["Misspelt State"] and "'idle'" in messages["Misspelt State"], messages
    assert "expected one of ==, !=, <" in messages["Misspelt Operator"]
    assert "5 parsecs" in messages["Misspelt Time"]
    assert "token_dealy" in messages["Misspelt Option"]
    assert "'plain'" in messages["Misspelt Shape"]
    assert "integer" in messages["Number That Is None"]
    assert not (tmp_path / "rbee").exists()
    assert await_none_left(began, 0) == []
