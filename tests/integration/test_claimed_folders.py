"""The folder of a run's artifacts belongs to one living session; what is stale is taken over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from running import robot, robot_env

from RbeeLibrary.fleet.kernel import start_mark
from RbeeLibrary.session.artifacts import ArtifactFolder

CLAIM = "robot.pid"


def test_second_session_of_a_process_gets_a_folder_beside_the_first(tmp_path):
    first, second = (ArtifactFolder(tmp_path / "rbee") for _ in range(2))
    assert [one.path.name for one in (first, second)] == ["rbee", "rbee-2"]
    first.release()
    assert ArtifactFolder(tmp_path / "rbee").path.name == "rbee"


def test_living_process_keeps_its_folder_and_its_content(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (tmp_path / "rbee/001-test").mkdir(parents=True)
        (tmp_path / f"rbee/{CLAIM}").write_text(f"{other.pid} {start_mark(other.pid)}")
        assert ArtifactFolder(tmp_path / "rbee").path.name == "rbee-2"
        assert (tmp_path / "rbee/001-test").is_dir()
    finally:
        other.communicate(b"\n")


@pytest.mark.parametrize("mark", ["1", "", "nonsense"])
def test_claim_of_a_process_that_had_this_pid_before_is_stale(tmp_path, mark):
    """In a container, robot has the same pid in every run."""
    (tmp_path / "rbee/001-test").mkdir(parents=True)
    (tmp_path / f"rbee/{CLAIM}").write_text(f"{os.getpid()} {mark}")
    assert ArtifactFolder(tmp_path / "rbee").path.name == "rbee"
    assert not (tmp_path / "rbee/001-test").exists()


def test_log_of_an_earlier_run_is_cleared_and_nothing_of_others(tmp_path):
    (tmp_path / "rbee").mkdir()
    for name in ("nursery.log", "notes.log"):
        (tmp_path / "rbee" / name).write_text("old")
    assert sorted(path.name for path in ArtifactFolder(tmp_path / "rbee").path.iterdir()) == ["notes.log", CLAIM]


def test_import_in_a_test_writes_into_the_folder_of_the_test(tmp_path):
    (tmp_path / "s.robot").write_text("*** Test Cases ***\nA\n    Import Library    RbeeLibrary\n    Start Queen\n    Get Rows    queen    beehives\n")
    for _ in range(2):
        assert robot(tmp_path, str(tmp_path / "s.robot")).rc == 0
    assert [path.name for path in (tmp_path / "rbee").iterdir() if path.suffix in (".db", ".stdout")] == []
    assert [path.name for path in tmp_path.glob("rbee*")] == ["rbee"]


def test_forked_child_does_not_end_the_run(tmp_path):
    code = (
        "import os, sys; from RbeeLibrary import Fleet\n"
        "with Fleet(workers=1, artifacts=sys.argv[1]) as fleet:\n"
        "    child = os.fork()\n"
        "    if not child: sys.exit()\n"
        "    os.waitpid(child, 0)\n"
        "    print(fleet.wait(fleet.submit('hello', max_tokens=3)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=robot_env(), capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["done"], done.stderr
