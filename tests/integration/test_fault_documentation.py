"""Every kind of fault is documented by one test of the suites, and that test fails when the kind does nothing."""

from __future__ import annotations

import re
import shutil

import pytest
from mutations.run import whole_copy
from readme import FAULTS, faults_page
from running import ROOT, portion, robot
from test_programs import ask, end, program

from RbeeLibrary.faults.registry import KINDS

SUITES = sorted((ROOT / "suites/faults").glob("*.robot")) + [ROOT / "suites/lifecycle/worker_registry.robot"]
NAMES = {
    "exit": "Exit While Starting",
    "lost-heartbeat": "Lost Heartbeat While Busy Marks The Worker",
    "slow-sweep": "Registering During The Stale Sweep Works",
}
"""Kinds whose test is not called like the kind."""


DEAFENER = """
ROBOT_LISTENER_API_VERSION = 3
KINDS = {kinds!r}


def start_test(data, result):
    with open({path!r}, "w") as deaf:
        deaf.write(KINDS[data.name])
"""


def test_of(kind: str):
    return NAMES.get(kind, kind.replace("-", " ").title())


test_of.__test__ = False


def suite_of(name: str):
    return next((path for path in SUITES if re.search(rf"^{re.escape(name)}$", path.read_text(), re.MULTILINE)), None)


SUITES_OF_KINDS = sorted({suite_of(test_of(kind)) for kind in KINDS} - {None})


@pytest.mark.parametrize("suite", portion(SUITES_OF_KINDS, 2, "RBEE_LONG"), ids=lambda path: path.stem)
def test_kind_that_does_nothing_fails_its_test(suite, tmp_path):
    """Each test runs while the kind that it documents does nothing."""
    kinds = {test_of(kind): kind for kind in KINDS if suite_of(test_of(kind)) == suite}
    shutil.copytree(whole_copy(), tmp_path, dirs_exist_ok=True)
    deaf = tmp_path / "deaf"
    deaf.write_text("")
    faults = tmp_path / "RbeeLibrary/faults/base.py"
    text = faults.read_text()
    changed = text.replace(
        "            if self._cleared or not self._fits(context):",
        f"            if self.name == open({str(deaf)!r}).read() or self._cleared or not self._fits(context):",
    )
    assert changed != text
    faults.write_text(changed)
    (tmp_path / "deafener.py").write_text(DEAFENER.format(kinds=kinds, path=str(deaf)))
    (tmp_path / "results").mkdir()
    words = ["--listener", str(tmp_path / "deafener.py"), *(word for test in kinds for word in ("--test", test))]
    run = robot(tmp_path / "results", *words, str(tmp_path / suite.relative_to(ROOT)), package=tmp_path)
    assert {name: test.status for name, test in run.tests().items()} == dict.fromkeys(kinds, "FAIL")


def test_every_kind_has_a_test():
    assert [kind for kind in sorted(KINDS) if suite_of(test_of(kind)) is None] == []


def test_fault_of_the_command_line():
    with program(
        "fake-worker", "--port", "0", "--worker-id", "x", "--fault", "status:status=418,path=/v1/health,times=1", "--fault", "close:after_tokens=2"
    ) as worker:
        port = worker.ready["port"]
        assert ask(port, "GET", "/v1/health")[0] == 418
        assert ask(port, "GET", "/v1/health")[0] == 200
        _, text = ask(port, "POST", "/v1/inference", '{"prompt":"x"}')
        assert text == 'data: {"t":"Once"}\n\ndata: {"t":" upon"}\n\n'
        assert end(worker)[0] == 0


def test_readme_shows_the_kinds_as_they_are():
    text = FAULTS.read_text(encoding="utf-8")
    assert text == faults_page(), "run python tests/tools/readme.py"
    for name, kind in KINDS.items():
        assert re.search(rf"^\| `{name.replace('-', ' ')}` \| [a-z, ]+ \| {re.escape(kind.help)} \|$", text, re.MULTILINE), name
