"""Keys reach no journal, log, output or command line, and nobody else reads what a run writes."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
from pathlib import Path

import pytest
from running import ROOT, robot

HAS_SSH = shutil.which("ssh") is not None and importlib.util.find_spec("asyncssh") is not None
PASS = {
    "Fleet With A Key Works",
    "Keys Go To A Hive That Is Started Over Ssh",
    "Command On A Node Does Not See The Keys Of The Queen",
    "Keeper With A Key Works",
}
FAIL = {
    "Failure Shows Evidence",
    "Program That Cannot Start Shows Its Last Lines",
    "Worker That Cannot Start Is Explained By Its Hive",
    "Download That Is Denied Is Explained",
    "Request That Is Refused Is Shown",
}


def secret(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(16)}"


@pytest.fixture
def generous():
    """The programs themselves have to see to it that nobody reads their files."""
    old = os.umask(0)
    yield
    os.umask(old)


def files_with(folder: Path, *texts: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)]


@pytest.mark.parametrize("server", ["scripted", pytest.param("real", marks=pytest.mark.skipif(not HAS_SSH, reason="OpenSSH's client or asyncssh is missing"))])
def test_keys_are_nowhere_and_files_are_for_their_owner_only(tmp_path, generous, server):
    key, token = secret("key"), secret("token")
    env = {"RBEE_TEST_KEY": key, "RBEE_TEST_TOKEN": token}
    run = robot(tmp_path, "--loglevel", "TRACE", "-v", f"SERVER:{server}", str(ROOT / "tests/data/trials/secrets.robot"), env=env)
    tests = run.tests()
    assert set(tests) == PASS | FAIL
    assert {name: tests[name].message for name in PASS if not tests[name].passed} == {}
    assert {name for name in FAIL if tests[name].passed} == set()
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"log.html", "output.xml", "rbee-hive.log", "environment-of-git", "keeper.stderr"} <= names
    assert files_with(tmp_path, key, token) == [], "a key or a token is in these files"
    assert key not in run.output and token not in run.output
    paths = [tmp_path / "rbee", *(tmp_path / "rbee").rglob("*")]
    assert [f"{path} {path.stat().st_mode:o}" for path in paths if not path.is_symlink() and path.stat().st_mode & 0o077] == [], "others can reach these"


def test_key_that_a_test_types_is_in_robots_own_files_only(tmp_path):
    key = secret("key")
    run = robot(tmp_path, str(ROOT / "tests/data/trials/secrets_in_argv.robot"), env={"RBEE_TEST_KEY": key})
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}
    assert (tmp_path / "rbee").is_dir()
    assert files_with(tmp_path / "rbee", key) == [], "the key is in these files"
