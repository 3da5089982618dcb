"""The pytest plugin, in a pytest process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest
from running import ROOT, await_none_left, robot_env

HEAD = "def test_it(rbee):\n"


def run(folder: Path, body: str, *options: str) -> tuple[int, str]:
    """Runs pytest over one test function."""
    (folder / "test_example.py").write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    words = [sys.executable, "-m", "pytest", "-p", "RbeeLibrary.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(folder), *options, "test_example.py"]
    env = robot_env({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_fleet_of_a_test_ends_with_it(tmp_path):
    began = time.time()
    code, text = run(tmp_path, "rbee.start_fleet(workers=2)\nassert rbee.state('worker-2') == 'idle'")
    assert (code, "1 passed" in text) == (0, True), text
    assert await_none_left(began) == []


def test_failure_shows_evidence_as_text_and_as_a_page(tmp_path):
    body = "rbee.start_fleet(workers=1)\nrbee.kill('worker-1')\nassert rbee.state('worker-1') == 'idle', 'worker-1 is not idle'"
    code, text = run(tmp_path, body, "--rbee-artifacts", str(tmp_path / "kept"))
    assert code == 1
    assert "rbee evidence" in text
    assert "likely cause: worker-1 was killed by SIGKILL by the test" in text
    assert "worker-1 (pid " in text and "was ended by SIGKILL" in text
    (page,) = (tmp_path / "kept").glob("*-test-it/evidence.html")
    shown = page.read_text()
    assert "<svg" in shown and "Likely cause:" in shown
    assert str(page) in text.replace("\n", "")


def test_leak_fails_the_test(tmp_path):
    body = "rbee.start_fleet(workers=1)\nrbee.inject_fault('hive', 'hasty end')\nrbee.inject_fault('worker-1', 'ignore shutdown')\nrbee.stop('hive')"
    code, text = run(tmp_path, body)
    assert code == 1
    assert "leaked: worker-1 (pid " in text
    code, text = run(tmp_path, body, "--rbee-on-leak", "ignore")
    assert code == 0, text


@pytest.mark.parametrize(
    ("policy", "code", "shown"), [("warn", 0, "UserWarning: never hit: fault stall of worker-1"), ("fail", 1, "never hit: fault stall of worker-1")]
)
def test_fault_that_was_never_hit_is_reported(tmp_path, policy, code, shown):
    body = "rbee.start_fleet(workers=1)\nrbee.inject_fault('worker-1', 'stall')"
    found, text = run(tmp_path, body, "--rbee-on-unused-fault", policy)
    assert (found, shown in text) == (code, True), text


def test_examples_of_the_guide_pass(tmp_path):
    examples = re.findall(r"^```python\n(.*?)^```$", (ROOT / "resources/guide/python-and-pytest.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 3
    for number, text in enumerate(examples):
        (tmp_path / f"test_{number}.py").write_text(text if "def test_" in text else f"def test_it():\n{indent(text, '    ')}")
    words = [sys.executable, "-m", "pytest", "-p", "RbeeLibrary.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(words, cwd=tmp_path, env=robot_env({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_plugin_is_registered_with_the_package():
    text = (ROOT / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nrbee = "RbeeLibrary.pytest_plugin"' in text
