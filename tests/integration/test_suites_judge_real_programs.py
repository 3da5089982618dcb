"""The project's own suites judge stand-ins of the real programs: each test holds, differs or cannot be judged, and ends in any case."""

import re
import time

import pytest
from running import ROOT, await_none_left, portion, robot

REAL = ROOT / "tests/data/real"
PROGRAMS = {"queen": "queen-rbee", "hive": "rbee-hive", "worker": "llm-worker-rbee", "keeper": "rbee"}
SUITES = sorted(path for path in (ROOT / "suites").rglob("*.robot*") if not path.name.startswith("__init__"))
PARTS = 24
FIRST_PORT = 15000
"""Real hives give their workers the ports from a fixed one on: each run of this test has 20 of its own."""
ERRORS = re.compile(r"Traceback|the library failed|(Type|Key|Attribute|Value)Error|Evaluating expression|No keyword with name|expected \d+ argument")


@pytest.mark.parametrize(("role", "part"), portion([(role, part) for role in PROGRAMS for part in range(PARTS)], 48, "RBEE_JUDGED"))
def test_every_test_holds_differs_or_cannot_be_judged(tmp_path, role, part):
    began, paths = time.time(), [str(path) for path in SUITES[part::PARTS]]
    port = FIRST_PORT + 20 * (PARTS * list(PROGRAMS).index(role) + part)
    env = {"PYTHONPATH": f"{ROOT}:{REAL}", "STAND_IN_FIRST_PORT": str(port)}
    run = robot(tmp_path, "-v", f"{role.upper()}:{REAL / PROGRAMS[role]}", *paths, env=env)
    suite = run.result().suite
    tests = list(suite.all_tests)
    (dry := tmp_path / "dry").mkdir()
    assert [test.full_name for test in tests] == [test.full_name for test in robot(dry, "--dryrun", *paths).result().suite.all_tests], run.output
    assert [f"{test.name}: {test.message}" for test in tests if test.failed and (ERRORS.search(test.message) or not test.message)] == []
    assert [test.name for test in tests if test.skipped and not test.message] == []
    counts = [sum(1 for test in tests if test.status == status) for status in ("PASS", "FAIL", "SKIP")]
    assert "{} hold, {} differ, {} cannot be judged".format(*counts) in suite.metadata["Conformance"]
    assert await_none_left(began) == []
