"""Nothing passes silently: a wrong word, a check of nothing, a use that cannot work is an error that says what to do."""

from __future__ import annotations

import re

import pytest
from running import ROOT, robot

MESSAGES = {
    "Unknown Kind Of Record": r"there is no kind of record 'proces_exited', did you mean process_exited",
    "Unknown Column": r"there is no column of beehives 'nodename', did you mean node_name",
    "Unknown Table": r"there is no table of queen 'bees', did you mean beehives\?",
    "Path Without A Route": r"a queen has no route /v2/workers/lists; its routes are /",
    "Route Of Another Program": r"a hive has no route /v2/tasks; its routes are /",
    "Operator Without A Value": r"!= needs a value to compare with",
    "Fault That Does Not Fit": r"stick cannot be injected into queen, a queen: it fits worker",
    "Fault For A Name That Never Exists": r"fault stall of wroker-1 was armed for a program that was never started; started were queen",
    "Program Called Library": r"no program can be called 'library'",
    "Negative Number Of Tokens": r"Argument 'count' got value '?-3'? .*that cannot be converted to Count: expected a whole number from 0 on",
    "Refused Inference Is Final": r"state of .* is refused \(503 ALL_SLOTS_BUSY .*\), which is final, expected == done$",
    "Held Clock Says So": r"inference held of worker-1 is 1, expected == 5 \(after \d+ ms\); the clock is held, next timers: worker-1 token in 10 s$",
    "Held Clock Says So To Who Waits For Tokens": r"has brought 1 of 5 tokens and is streaming; the clock is held, next timers: worker-1 token",
    "Catalog Without A Hub": r"a hive has a catalog only if a model hub runs when it starts: Start Model Hub",
    "Registry Before Its Queen": r"'queen' has no SQLite file known here, expected one of a queen or a hive: start one$",
    "Two Hives Of One Node": r"^node workstation of queen has the hive hive-1 already: give hive-2 another node_name=, or stop hive-1 first$",
    "State Of A Worker Without A Hive": r"^worker-1 was not started by a hive, so no hive can see it$",
    "State Without A Queen": r"^there is no queen that could see it: start one with Start Queen$",
    "Chaos That Reached Nobody": r"inferences: the fleet refused one before the chaos began, so nothing would be tried \(503 INTERNAL",
}


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    return robot(tmp_path_factory.mktemp("misuse"), str(ROOT / "tests/data/failing_suites/misuse.robot")).tests()


def test_all_are_looked_at(tests):
    assert set(tests) == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_message_says_what_and_what_to_do(tests, name):
    assert tests[name].failed
    message = tests[name].message
    assert re.search(MESSAGES[name], message, re.MULTILINE), message
    assert not re.match(r"\w+Error: (?!Argument)", message)  # Robot Framework itself names the error of a failed conversion


def test_library_outside_robot_says_what_it_needs(tmp_path):
    from RbeeLibrary import RbeeLibrary
    from RbeeLibrary.errors import UsageError

    with pytest.raises(UsageError, match="outside Robot Framework the library needs artifacts="):
        RbeeLibrary().start_queen()
    library = RbeeLibrary(artifacts=tmp_path)
    try:
        assert library.start_queen().role == "queen"
    finally:
        library.close()
