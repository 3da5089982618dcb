"""What `tests/tools/bounds.py` installs is what pyproject.toml allows."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from bounds import NoBound, requirements, tomllib
from readme import README
from running import ROOT


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_lowest_is_the_bound_of_every_requirement():
    lowest = requirements(project(), "lowest")
    assert "bottle==0.13" in lowest
    assert "asyncssh==2.18" in lowest, "without the extra ssh a suite would be skipped"
    names = {re.split(r"[^A-Za-z0-9_-]", text)[0] for text in project()["project"]["dependencies"]}
    assert names <= {text.partition("==")[0] for text in lowest}
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", text) for text in lowest), lowest


def test_highest_is_what_the_project_says():
    assert set(project()["project"]["dependencies"]) < set(requirements(project(), "highest"))


@pytest.mark.parametrize("text", ["bottle", "bottle<1", "bottle~=0.13", "bottle>0.13"])
def test_requirement_without_an_oldest_version_is_named(text):
    with pytest.raises(NoBound, match=re.escape(text)):
        requirements({"project": {"dependencies": ["psutil>=6.0", text], "optional-dependencies": {"ssh": []}}}, "lowest")


def test_upper_bound_does_not_hide_the_lower_one():
    assert requirements({"project": {"dependencies": ["psutil>=6.0,<8"], "optional-dependencies": {"ssh": []}}}, "lowest") == ["psutil==6.0"]


def test_wrong_word_is_explained():
    done = subprocess.run([sys.executable, "tests/tools/bounds.py", "oldest"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "usage: python tests/tools/bounds.py lowest|highest\n")


def test_readme_has_the_commands():
    for which in ("lowest", "highest"):
        assert f"python tests/tools/bounds.py {which}" in README.read_text()
