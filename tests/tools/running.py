"""Running robot in a child process, and looking at what it left."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
from robot.api import ExecutionResult

Item = TypeVar("Item")
ROOT = Path(__file__).parent.parent.parent
LIMIT = 240
MARK_VARIABLE = "RBEE_TESTS"
MARK = f"{os.getpid()}-{uuid.uuid4().hex}"
"""Carried by all that these tests start, so that they see their own leftovers and nobody else's."""


@dataclass
class Run:
    """A finished run of robot."""

    rc: int
    output: str
    folder: Path

    def result(self):
        """The result model."""
        return ExecutionResult(str(self.folder / "output.xml"))

    def tests(self) -> dict[str, object]:
        """Tests by name."""
        return {test.name: test for test in self.result().suite.all_tests}


def portion(items: Sequence[Item], parts: int, switch: str) -> Sequence[Item]:
    """One of several portions of tests that take long, another one for each commit.

    Args:
        items: all of them.
        parts: number of portions.
        switch: environment variable; with `all` as its value it is all of them.
    """
    if os.environ.get(switch) == "all":
        return items
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10).stdout.strip()
    return items[int(commit or "0", 16) % parts :: parts]


def compile_package() -> None:
    """Compiles the package, as `pip install` does: where Python must not write bytecode, every program that is started would compile it again."""
    compileall.compile_dir(ROOT / "RbeeLibrary", quiet=1)


def robot(folder: Path, *arguments: str, env: dict[str, str] | None = None, package: Path = ROOT) -> Run:
    """Runs robot to its end."""
    done = subprocess.run(robot_command(folder, *arguments), cwd=folder, env=robot_env(env, package), capture_output=True, text=True, timeout=LIMIT)
    return Run(done.returncode, done.stdout + done.stderr, folder)


def robot_command(folder: Path, *arguments: str) -> list[str]:
    """Words that run robot with this interpreter."""
    return [sys.executable, "-m", "robot", "--outputdir", str(folder), *arguments]


def robot_env(env: dict[str, str] | None = None, package: Path = ROOT) -> dict[str, str]:
    """The environment, with the package to test first on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RBEE_", "ROBOT_"))}
    return {**clean, "PYTHONPATH": str(package), MARK_VARIABLE: MARK, **(env or {})}


def leftovers(since: float, *, everything: bool = False) -> list[str]:
    """Programs that these tests have started after a time and that are alive: `pid words`.

    Args:
        since: the time.
        everything: whatever carries their mark, not only programs of this library.
    """
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "create_time", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE or process.info["create_time"] < since - 0.5:
            continue
        words = " ".join(process.info["cmdline"] or [])
        try:
            ours = process.environ().get(MARK_VARIABLE) == MARK
        except psutil.Error:
            continue
        if ours and (everything or words.startswith(("rbee-", "fake-", "mock-worker")) or "RbeeLibrary.f" in words):
            found.append(f"{process.info['pid']} {words[:80]}")
    return found


def await_none_left(since: float, limit: float = 10.0, *, everything: bool = False) -> list[str]:
    """Waits until nothing is left; returns what is."""
    import time

    deadline = time.monotonic() + limit
    while (left := leftovers(since, everything=everything)) and time.monotonic() < deadline:
        processes = []
        for line in left:
            try:
                processes.append(psutil.Process(int(line.split()[0])))
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=0.1)
    return left


def assert_none_left(since: float) -> None:
    """Fails if anything is left alive, and ends it: it is nobody else's to find."""
    left = await_none_left(since, everything=True)
    for line in left:
        try:
            psutil.Process(int(line.split()[0])).kill()
        except psutil.NoSuchProcess:
            continue
    assert left == [], "these are left alive"
