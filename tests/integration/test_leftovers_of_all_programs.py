"""Nothing outlives a run that has all kinds of programs in it: hub, keeper with its own hive, commands on nodes, a hive that came over ssh."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from running import ROOT, assert_none_left, robot, robot_command, robot_env
from test_leftovers import LIMIT, _await_end, await_file, below

EVERYTHING = ROOT / "tests/data/trials/everything.robot"
HAS_SSH = shutil.which("ssh") is not None and importlib.util.find_spec("asyncssh") is not None
NEEDS_SSH = pytest.mark.skipif(not HAS_SSH, reason="OpenSSH's client or asyncssh is not installed")
KINDS = {
    "scripted": ("fake-hub", "fake-queen", "fake-keeper", "fake-hive daemon", "fake-hive --port", "mock-worker", "ssh.py", "sleep 120"),
    "real": ("fake-hub", "fake-queen", "fake-keeper", "fake-hive daemon", "fake-hive --port", "mock-worker", "fake-sshd", "/ssh -F", "sleep 120"),
}


def started(folder: Path, server: str, freeze: str = "nobody") -> subprocess.Popen:
    """Robot with everything in it; none of the kinds is missing."""
    words = robot_command(folder, "-v", f"SERVER:{server}", "-v", f"FREEZE:{freeze}", str(EVERYTHING))
    with open(folder / "console", "wb") as console:
        process = subprocess.Popen(words, cwd=folder, env=robot_env(), stdout=console, stderr=console)
    try:
        await_file(folder / "ready", process)
        assert missing(process.pid, server) == []
    except AssertionError as error:
        process.kill()
        raise AssertionError(f"{error}\n{(folder / 'console').read_text()}") from None
    return process


def missing(pid: int, server: str) -> list[str]:
    """Kinds of programs that do not run below a process."""
    running = [" ".join(process.cmdline()) for process in psutil.Process(pid).children(recursive=True)]
    return [kind for kind in KINDS[server] if not any(kind in words for words in running)]


def kill_robot(process: subprocess.Popen) -> None:
    process.kill()


def kill_nursery(process: subprocess.Popen) -> None:
    below(process, "rbee-nursery").kill()


def kill_both(process: subprocess.Popen) -> None:
    nursery = below(process, "rbee-nursery")
    process.kill()
    nursery.kill()


def freeze_nursery_and_kill_robot(process: subprocess.Popen) -> None:
    below(process, "rbee-nursery").suspend()
    process.kill()


@pytest.mark.parametrize(
    ("server", "end", "freeze"),
    [
        ("scripted", kill_robot, "hub"),
        ("scripted", kill_both, "keeper"),
        pytest.param("real", kill_nursery, "hive", marks=NEEDS_SSH),
        pytest.param("real", freeze_nursery_and_kill_robot, "nobody", marks=NEEDS_SSH),
    ],
)
def test_sudden_end_leaves_nothing(tmp_path: Path, server: str, end: Callable[[subprocess.Popen], None], freeze: str):
    began = time.time()
    process = started(tmp_path, server, freeze)
    end(process)
    assert process.wait(LIMIT) != 0
    assert_none_left(began)


def test_ctrl_c_twice_leaves_nothing(tmp_path):
    """Through a terminal: the second Ctrl+C comes while the teardown of the test runs, with all the rest alive."""
    began = time.time()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        words = robot_command(tmp_path, "-v", "FREEZE:hub", str(EVERYTHING))
        os.execve(words[0], words, robot_env())
    try:
        await_file(tmp_path / "ready")
        os.write(terminal, b"\x03")
        await_file(tmp_path / "ready-teardown")
        assert missing(pid, "scripted") == []
        os.write(terminal, b"\x03")
        status = _await_end(pid, terminal)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) != 0
    assert_none_left(began)


def test_killed_keeper_leaves_neither_its_hive_nor_its_queen(tmp_path):
    """In a run: what the keeper has started ends gracefully, and says so by its exit code."""
    began = time.time()
    run = robot(tmp_path, str(ROOT / "tests/data/trials/keeper_killed.robot"))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}
    assert len(run.tests()) == 2
    assert_none_left(began)


def test_keeper_killed_in_a_shell_leaves_nothing(tmp_path):
    """Without a run nobody sweeps: the hive ends with its keeper, and the worker with its hive."""
    began = time.time()
    words = ["infer", "--ephemeral-hive", "--model", "mock-model", "--prompt", "x"]
    env = robot_env({"HOME": str(tmp_path), "RBEE_HIVE_ARGS": "--worker-ports 0 --provision off", "RBEE_WORKER_ARGS": "--token-delay 1h"})
    keeper = subprocess.Popen([sys.executable, "-m", "RbeeLibrary.fakes.keeper", *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert keeper.stdout is not None and keeper.stdout.read(1) != b"", "the keeper brought no token"
    names = [" ".join(process.cmdline()) for process in psutil.Process(keeper.pid).children(recursive=True)]
    assert any("fake-hive" in name for name in names) and any("worker" in name for name in names), names
    keeper.kill()
    keeper.wait(LIMIT)
    keeper.stdout.close()
    assert_none_left(began)


# --- pabot ---


def start_pabot(folder: Path) -> subprocess.Popen:
    """pabot with two robots, each with a fleet that runs until somebody ends it; returns when both are up."""
    for number in (1, 2):
        suite = folder / "suites" / f"part_{number}.robot"
        suite.parent.mkdir(exist_ok=True)
        suite.write_text(SUITE_OF_PABOT.format(resources=ROOT / "resources"))
    env = robot_env({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    words = ["pabot", "--processes", "2", "--no-pabotlib", "-d", str(folder / "results"), str(folder / "suites")]
    with open(folder / "console", "wb") as console:
        pabot = subprocess.Popen(words, cwd=folder, env=env, stdout=console, stderr=console, start_new_session=True)
    for number in (1, 2):
        await_file(folder / f"ready-part-{number}", pabot)
    return pabot


SUITE_OF_PABOT = """*** Settings ***
Library    OperatingSystem
Resource    {resources}/rbee.resource

*** Test Cases ***
Fleet Of One Robot
    Start Fleet    workers=1    token_delay=50ms
    ${{answer}} =    Submit Inference    on and on    max_tokens=2000
    Wait For Tokens    ${{answer}}    1
    ${{name}} =    Evaluate    $SUITE_NAME.rpartition(".")[2].lower().replace(" ", "-")
    Create File    ${{EXECDIR}}/ready-${{name}}
    Wait Until Created    ${{EXECDIR}}/go    timeout=60s
"""


def robots_of(pabot: subprocess.Popen) -> list[psutil.Process]:
    """The robot processes of a pabot: those that have a run below them."""
    found = []
    for process in psutil.Process(pabot.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one of the fleet that has ended since
            if any(child.name().startswith("rbee-warden") for child in process.children()):
                found.append(process)
    return found


def test_killed_robot_of_a_pabot_leaves_nothing_and_the_other_one_alone(tmp_path):
    began = time.time()
    pabot = start_pabot(tmp_path)
    victim, other = robots_of(pabot)
    fleet = psutil.Process(victim.pid).children(recursive=True)
    victim.kill()
    gone, alive = psutil.wait_procs(fleet, timeout=10)
    assert alive == [], "the fleet of the robot that was killed lives on"
    assert any(process.name().startswith("rbee-nursery") for process in other.children(recursive=True)), "the other robot's fleet is gone too"
    (tmp_path / "go").touch()
    assert pabot.wait(LIMIT) != 0
    assert "PASSED" in (tmp_path / "console").read_text(), "the other robot's test did not pass"
    assert_none_left(began)


def test_robots_whose_pabot_was_killed_end_their_fleets_with_their_tests(tmp_path):
    """pabot does not end its robots when it is killed: they run on, and each clears up after itself."""
    began = time.time()
    pabot = start_pabot(tmp_path)
    robots = robots_of(pabot)
    assert len(robots) == 2
    pabot.kill()
    pabot.wait(LIMIT)
    assert all(process.is_running() for process in robots)
    (tmp_path / "go").touch()
    gone, alive = psutil.wait_procs(robots, timeout=LIMIT)
    assert alive == []
    assert_none_left(began)


def test_ctrl_c_of_pabot_leaves_nothing(tmp_path):
    """pabot ends its robots itself then."""
    began = time.time()
    pabot = start_pabot(tmp_path)
    pabot.send_signal(signal.SIGINT)
    pabot.wait(LIMIT)
    assert_none_left(began)


def test_pabot_that_is_killed_with_its_robots_leaves_nothing(tmp_path):
    """As a CI job that is cancelled does it."""
    began = time.time()
    pabot = start_pabot(tmp_path)
    for process in [psutil.Process(pabot.pid), *robots_of(pabot)]:
        process.kill()
    pabot.wait(LIMIT)
    assert_none_left(began)
