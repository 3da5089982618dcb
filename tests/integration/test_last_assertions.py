"""Every test of the suites looks at what its last assertion says: it fails when the expected value is another one."""

import re

import pytest
from running import ROOT, portion, robot

TOOL = ("--pythonpath", str(ROOT / "tests/tools"), "--prerunmodifier", "changed_expectations.ChangedExpectations")
SUITES = sorted(path for path in (ROOT / "suites").rglob("*.robot*") if not path.name.startswith("__init__"))
PARTS = 20
NOT_COMPARED = re.compile(r"cannot be converted|expected one of|No keyword with name|Resolving variable")


def weak(tests) -> list[str]:
    """Tests that passed in spite of the change, or failed because the changed value could not be compared."""
    return [f"{test.name}: {list(test.tags)}: {test.message[:200]}" for test in tests if not test.failed or NOT_COMPARED.search(test.message.split("\n")[0])]


@pytest.mark.parametrize("paths", portion([SUITES[part::PARTS] for part in range(PARTS)], PARTS, "RBEE_LONG"), ids=lambda paths: paths[0].stem)
def test_suites_notice_another_expected_value(tmp_path, paths):
    tests = list(robot(tmp_path, *TOOL, *map(str, paths)).result().suite.all_tests)
    assert len(tests) > 3
    assert weak(tests) == []


def test_assertion_that_is_not_reached_is_found(tmp_path):
    suite = tmp_path / "weak.robot"
    suite.write_text(
        "*** Settings ***\nLibrary    RbeeLibrary\n\n*** Test Cases ***\n"
        "Weak\n    IF    False\n        Should Be Equal    1    1\n    END\n"
        "Strong\n    ${count} =    Get Worker Count    queen    ==    0\n    Should Be Equal As Integers    ${count}    0\n"
        "Nothing To Change\n    Start Queen\n"
    )
    tests = list(robot(tmp_path, *TOOL, str(suite)).result().suite.all_tests)
    assert [test.name for test in tests] == ["Weak", "Strong"]
    assert [line.partition(":")[0] for line in weak(tests)] == ["Weak"]
