"""The run without prctl, warm forks and kernel-watched lifelines, as on macOS; and the systems that are not supported."""

import time

import pytest
from running import ROOT, await_none_left, portion, robot, robot_env
from test_leftovers import LIMIT, SCENE, await_file

EXCEPTIONS = ("Exit Code Of A Worker That Outlived Its Hive Is Known",)
"""Tests of the suites that cannot pass that way: without subreapers a process that lost its parent is nobody's child in the run."""


GROUPS = (
    (
        "inference/death_mid_stream.robot",
        *(f"lifecycle/{name}.robot" for name in ("graceful_stop", "process_tree")),
    ),
    (
        "keeper/ephemeral_daemons.robot",
        "nodes/hive_over_ssh.robot",
        "provisioning/cold_start.robot",
    ),
)
"""What every program does, once, in an interpreter of its own. All suites that way take minutes: `RBEE_PORTABLE=1 robot -d results suites/`."""


@pytest.mark.parametrize("group", portion(GROUPS, 2, "RBEE_LONG"), ids=lambda group: group[0])
def test_suites_pass_without_prctl_and_by_exec(tmp_path, group):
    began = time.time()
    run = robot(tmp_path, *(str(ROOT / "suites" / part) for part in group), env={"RBEE_PORTABLE": "1"})
    failed = {name: test.message for name, test in run.tests().items() if test.failed and name not in EXCEPTIONS}
    assert failed == {}
    assert await_none_left(began) == []


def test_recorder_inherits_both_of_its_sockets(tmp_path):
    run = robot(tmp_path, "--test", "Keeper Against A Fake Queen", str(ROOT / "tests/data/real/good.robot"), env={"RBEE_PORTABLE": "1"})
    assert run.rc == 0, run.output


@pytest.mark.parametrize("freeze", ["nobody", "hive-1", "worker-1"])
def test_sigkill_of_robot_leaves_nothing(tmp_path, freeze):
    import subprocess

    from running import robot_command

    began = time.time()
    process = subprocess.Popen(
        robot_command(tmp_path, "-v", f"FREEZE:{freeze}", str(SCENE)),
        env=robot_env({"RBEE_PORTABLE": "1"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await_file(tmp_path / "ready", process)
    process.kill()
    process.wait(LIMIT)
    assert await_none_left(began) == []


def test_windows_gets_a_clear_error(monkeypatch):
    import os

    from RbeeLibrary.run.platform import require_supported

    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(RuntimeError, match="RbeeLibrary needs Linux or macOS.*WSL"):
        require_supported()
