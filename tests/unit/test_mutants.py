"""The generator of mutants, and what it needs to judge them."""

import dataclasses
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from mutants.coverage_map import CoverageMap, KnownTest
from mutants.generator import PACKAGE, Mutant, mutants_of, mutated_source
from mutants.judge import KILLED, SURVIVED, Copy, known_test, stages
from mutants.probes import Probes, instrument
from mutants.run import EQUIVALENT, SAMPLE, selected, stale
from mutations.table import generated
from running import portion

SMALL = "protocol/sse.py"


def test_every_mutant_is_one_small_change_of_its_line():
    source = (PACKAGE / SMALL).read_text().splitlines()
    mutants = mutants_of(SMALL)
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 50
    for mutant in mutants[::7]:
        changed = mutated_source(mutant)
        compile(changed, SMALL, "exec")
        different = [number for number, (old, new) in enumerate(zip(source, changed.splitlines(), strict=False), 1) if old != new]
        assert different[0] >= mutant.line, mutant.name
        assert mutant.before != mutant.after


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        ("condition", "not text", "not (not text)"),
        ("return", "return None", ""),
        ("return", "return self._dispatch()", "return None"),
        ("call removed", "self._data.append(value)", "pass"),
        ("order", "self._data.append(value)", "self._data.insert(0, value)"),
        ("operator", '== "data"', '!= "data"'),
        ("word", '"data"', '"XXdataXX"'),
        ("truth", "False", "True"),
        ("branch", "self._at_start", "True"),
        ("branch", "self._at_start", "False"),
        ("choice", "text if isinstance(text, str) else None", "(text)"),
        ("operand", 'field == "id" and "\\0" not in value', '(field == "id")'),
        ("operand", 'field == "id" and "\\0" not in value', '("\\0" not in value)'),
        ("left out", "self._id = value", "pass"),
        ("left out", 'self._id = ""', ""),
        ("left out", "data = self._data", ""),
    ],
)
def test_operators_make_their_changes(operator, before, after):
    found = {(mutant.operator, mutant.before, mutant.after) for mutant in mutants_of(SMALL)}
    assert ((operator, before, after) in found) if after else (operator, before) not in {one[:2] for one in found}


def test_mutant_of_a_behaviour_is_found_again_when_its_number_has_changed():
    known = generated()[0]
    assert dataclasses.replace(known, mutant=f"{known.mutant}00").source() == known.source()
    with pytest.raises(ValueError, match=re.escape(f"mutation {known.name!r}: there is no mutant ")):
        dataclasses.replace(known, before="something else").source()


def test_sentences_annotations_and_declarations_are_left_alone():
    found = [mutant for mutant in mutants_of("fakes/hive/hive.py") if mutant.operator == "word"]
    assert found
    assert [mutant.before for mutant in found if " " in mutant.before] == []
    assert [mutant.name for mutant in mutants_of("protocol/program_options.py") if not mutant.function] == []


def test_probes_see_what_a_killed_process_has_run(tmp_path):
    package = tmp_path / "RbeeLibrary"
    package.mkdir()
    package.joinpath("__init__.py").write_text(
        '"""Text."""\nfrom __future__ import annotations\nimport os, signal\n\n'
        'def die(really):\n    """Text."""\n    if really:\n        os.kill(os.getpid(), signal.SIGKILL)\n    return 1\n'
    )
    statements = instrument(tmp_path)
    assert [(one.function, one.first, one.last) for one in statements] == [("die", 7, 7), ("die", 8, 8), ("die", 9, 9)]
    for really, lines in ((True, [7, 8]), (False, [7, 9])):
        probes = Probes(tmp_path)
        probes.clear()
        subprocess.run([sys.executable, "-c", f"import RbeeLibrary; RbeeLibrary.die({really})"], cwd=tmp_path, timeout=30)
        assert [statements[hit].first for hit in probes.hits()] == lines


def test_lines_of_a_function_that_has_moved_keep_their_tests(tmp_path):
    test = ["robot", "suites/a.robot", "A", 0.1, 10]
    mutant = next(mutant for mutant in mutants_of(SMALL) if mutant.function == "Parser.feed" and "decode" in mutant.before)
    first = next(number for number, line in enumerate((PACKAGE / SMALL).read_text().splitlines(), 1) if "self._decoder.decode(data)" in line)
    elsewhere = 1000
    rows = [[elsewhere, elsewhere, 0], [elsewhere + 1, elsewhere + 1, 1]]
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"tests": [test, [*test[:2], "B", 0.1, 20]], "sets": [[0], [1]], "functions": {f"{SMALL}::Parser.feed": rows}}))
    assert mutant.line == first
    assert [found.name for found in CoverageMap(path).tests_of(mutant)] == ["A"]


def test_quick_and_near_tests_judge_first_and_none_beyond_the_budget():
    quick = [KnownTest("pytest", "tests/unit/a.py", str(number), 0.01, 1) for number in range(3)]
    suites = [KnownTest("robot", "suites/a.robot", str(number), 1.0, number) for number in range(20)]
    slow = [KnownTest("pytest", "tests/integration/a.py", "slow", 300.0, 1)]
    groups = list(stages([*suites, *quick, *slow], budget=10))
    assert [test.kind for group in groups for test in group][:3] == ["pytest"] * 3
    assert [test.name for test in groups[1]] == ["0", "1", "2", "3", "4"]
    assert sum(test.seconds for group in groups for test in group) <= 10
    assert "slow" not in [test.name for group in groups for test in group]


def test_equivalent_mutants_exist_and_have_a_reason():
    listed = json.loads(EQUIVALENT.read_text())
    assert [one["name"] for one in listed if len(one["reason"]) <= 20] == []
    assert stale(listed) == [], "these have changed: look at them again"


def test_listed_mutant_that_has_changed_is_stale():
    mutant = mutants_of(SMALL)[0]
    row = {"name": mutant.name, "before": mutant.before, "after": mutant.after}
    gone = {**row, "name": f"{SMALL}::gone::number#0"}
    assert stale([row]) == []
    assert stale([row, {**row, "after": "something else"}, gone]) == [mutant.name, gone["name"]]


def test_most_of_the_sample_is_still_there():
    rows = json.loads(SAMPLE.read_text())
    assert len(rows) >= 150
    tried = portion(rows, 4, "RBEE_MUTANTS")
    assert len(gone := stale(tried)) <= len(tried) / 5, (
        f"these functions have changed; fill the sample up with `run.py try --count 200` and `run.py save`: {gone}"
    )


@pytest.mark.parametrize("test", ["tests/unit/test_sse.py::test_that_is_gone", "suites/lifecycle/ports.robot::Test That Is Gone"])
def test_test_that_is_gone_notices_nothing(test, tmp_path):
    copy = Copy(tmp_path)
    assert copy.run([known_test(test, 5)], None, "")[0] == SURVIVED
    assert copy.run([known_test("tests/unit/test_sse.py", 5)], "protocol/sse.py", "this is no Python")[0] == KILLED


def test_share_of_a_machine_is_every_fourth_mutant():
    mutants = [Mutant("fakes/a.py", "A.b", "number", number, 7, "1", "2") for number in range(10)]
    arguments = SimpleNamespace(share="2/4", folders=["fakes"], matching="", count=9)
    assert [mutant.number for mutant in selected(mutants, arguments)] == [1, 5]
    with pytest.raises(ValueError, match="expected a part and the number of parts"):
        selected(mutants, SimpleNamespace(**{**vars(arguments), "share": "5/4"}))


def test_names_of_mutants_say_where_they_are():
    mutant = Mutant("a.py", "A.b", "number", 3, 7, "1", "2")
    assert (mutant.name, mutant.scope, mutant.place) == ("a.py::A.b::number#3", "a.py::A.b", "a.py:7")
