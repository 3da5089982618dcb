"""The suites in shards, as several machines would run them, and joined again."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from readme import command
from robot.api import ExecutionResult
from running import ROOT, robot_env

SHARDS = 2
SUITES = [str(ROOT / "suites" / part) for part in ("tutorial.robot.md", "contract/api_keys.robot", "lifecycle/two_fleets.robot")]


def run(words: list[str], folder: Path) -> None:
    """Runs a command that has to succeed."""
    env = robot_env({"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_shards_run_every_test_once_and_join_to_one_report(tmp_path):
    shard, join = (command(part).partition("&& ")[2] or command(part) for part in ("--shard", "rebot -d"))
    words = shlex.split(shard.partition('bin:$PATH" ')[2])
    assert words[-1] == "suites/"
    for number in range(1, SHARDS + 1):
        told = [word.replace("1/3", f"{number}/{SHARDS}").replace("shard-1", f"shard-{number}") for word in words[:-1]]
        assert f"{number}/{SHARDS}" in told
        run([*told, *SUITES], tmp_path)
    run(["sh", "-c", join.replace(".venv/bin/", "")], tmp_path)
    joined = ExecutionResult(str(tmp_path / "results/output.xml")).suite
    run(["robot", "--dryrun", "-d", str(tmp_path / "dry"), *SUITES], tmp_path)
    expected = sorted(test.name for test in ExecutionResult(str(tmp_path / "dry/output.xml")).suite.all_tests)
    assert sorted(test.name for test in joined.all_tests) == expected
    assert {test.status for test in joined.all_tests} == {"PASS"}
    assert (tmp_path / "results/log.html").exists()
