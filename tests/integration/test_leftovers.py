"""Nothing outlives a run, however it ends."""

from __future__ import annotations

import os
import pty
import random
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from running import ROOT, await_none_left, robot, robot_command, robot_env

SCENE = ROOT / "tests/data/trials/scene.robot"
LIMIT = 30.0


def start_scene(folder: Path, freeze: str = "nobody", **options) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        robot_command(folder, "-v", f"FREEZE:{freeze}", str(SCENE)),
        cwd=folder,
        env=robot_env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,
    )


def await_file(path: Path, process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        assert process is None or process.poll() is None, "robot ended before"
        select.select([], [], [], 0.01)


def below(robot_process: subprocess.Popen, name: str) -> psutil.Process:
    return next(process for process in psutil.Process(robot_process.pid).children(recursive=True) if process.name().startswith(name))


@pytest.mark.parametrize("freeze", ["nobody", "hive-1", "worker-1"])
def test_sigkill_of_robot_at_any_moment_leaves_nothing(tmp_path, freeze):
    """17 moments each, 51 in all: from before the first import to long after the fleet is up."""
    draw = random.Random(f"moments {freeze}")
    for trial in range(17):
        began = time.time()
        process = start_scene(tmp_path / str(trial), freeze)
        moment = draw.uniform(0, 1.2)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(LIMIT)
        assert await_none_left(began) == [], f"left after SIGKILL {moment:.3f} s after the start, {freeze} frozen"


@pytest.mark.parametrize("freeze", ["nobody", "hive-1", "worker-1"])
def test_sigkill_of_robot_in_a_running_fleet_leaves_nothing(tmp_path, freeze):
    began = time.time()
    process = start_scene(tmp_path, freeze)
    await_file(tmp_path / "ready", process)
    process.kill()
    process.wait(LIMIT)
    assert await_none_left(began) == []


@pytest.mark.parametrize("freeze", ["nobody", "worker-1"])
def test_sigkill_of_the_nursery_ends_the_fleet_and_the_test(tmp_path, freeze):
    began = time.time()
    process = start_scene(tmp_path, freeze)
    await_file(tmp_path / "ready", process)
    below(process, "rbee-nursery").kill()
    assert process.wait(LIMIT) != 0
    assert await_none_left(began) == []


@pytest.mark.parametrize("order", [("robot", "nursery"), ("nursery", "robot")])
def test_sigkill_of_robot_and_nursery_with_a_frozen_worker_leaves_nothing(tmp_path, order):
    for trial in range(3):
        began = time.time()
        process = start_scene(tmp_path / str(trial), "worker-1")
        await_file(tmp_path / str(trial) / "ready", process)
        victims = {"robot": psutil.Process(process.pid), "nursery": below(process, "rbee-nursery")}
        for name in order:
            victims[name].kill()
        process.wait(LIMIT)
        assert await_none_left(began) == []


def test_sigkill_of_robot_with_a_frozen_nursery_leaves_nothing(tmp_path):
    began = time.time()
    process = start_scene(tmp_path)
    await_file(tmp_path / "ready", process)
    below(process, "rbee-nursery").suspend()
    process.kill()
    process.wait(LIMIT)
    assert await_none_left(began) == []


def test_temporary_folder_of_the_run_is_removed(tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        robot_command(tmp_path, str(SCENE)), cwd=tmp_path, env=robot_env({"TMPDIR": str(temporary)}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await_file(tmp_path / "ready", process)
    assert list(temporary.glob("rbee-*")) != []
    began = time.time() - 10
    process.kill()
    process.wait(LIMIT)
    assert await_none_left(began) == []
    deadline = time.monotonic() + 5
    while list(temporary.glob("rbee-*")) and time.monotonic() < deadline:
        select.select([], [], [], 0.02)
    assert list(temporary.glob("rbee-*")) == []


def test_ctrl_c_twice_during_teardown_cleans_up(tmp_path):
    """Through a terminal: the second Ctrl+C comes while the teardown of the test runs."""
    began = time.time()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        words = robot_command(tmp_path, "-v", "FREEZE:worker-2", str(SCENE))
        os.execve(words[0], words, robot_env())
    try:
        await_file(tmp_path / "ready")
        os.write(terminal, b"\x03")
        await_file(tmp_path / "ready-teardown")
        os.write(terminal, b"\x03")
        status = _await_end(pid, terminal)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) != 0
    assert await_none_left(began) == []


def _await_end(pid: int, terminal: int) -> int:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                pass  # the other side of the terminal is closed
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("robot did not end after Ctrl+C twice")


def test_fifty_rounds_leave_nothing(tmp_path):
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="rounds-") as own:  # other tests make folders beside it meanwhile
        trials = ROOT / "tests/data/trials"
        run = robot(tmp_path, "-v", "ROUNDS:50", "--pythonpath", str(trials), str(trials / "rounds.robot"), env={"TMPDIR": own})
    assert run.rc == 0, run.output
    assert await_none_left(began) == []
