"""Runs the suites with the oldest or the newest versions that pyproject.toml allows: `python tests/tools/bounds.py lowest|highest`.

A temporary environment gets exactly them, and the library as a user installs it. Ends with 1 if a test fails, or if the versions do not fit each other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Python 3.10: pip brings the same thing along
    from pip._vendor import tomli as tomllib  # type: ignore[no-redef]

ROOT = Path(__file__).parent.parent.parent
EXTRA = "ssh"
"""Without it the suite of the real SSH server would be skipped."""
_BOUND = re.compile(r"([A-Za-z0-9._-]+)\s*>=\s*([0-9][0-9.]*)(?:\s*,\s*<\s*[0-9.]+)?$")


class NoBound(ValueError):
    """A requirement that does not say what its oldest version is."""


def requirements(project: dict[str, Any], which: str) -> list[str]:
    """What pip is told to install: each requirement of the library at its bound, or as it stands.

    Raises:
        NoBound: a requirement has no lower bound that can be tried out.
    """
    declared = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"][EXTRA]]
    if which == "highest":
        return declared
    found = [(text, _BOUND.match(text)) for text in declared]
    without = [text for text, bound in found if bound is None]
    if without:
        raise NoBound(f"pyproject.toml: {', '.join(without)} has no bound of the form NAME>=VERSION, so there is no oldest version to try")
    return [f"{bound[1]}=={bound[2]}" for _, bound in found if bound is not None]


def install(python: Path, which: str, wanted: list[str], folder: Path) -> bool:
    """Installs the versions and then the library, from a copy, so that nothing is built in the project's folder."""
    source = folder / "source"
    shutil.copytree(ROOT / "RbeeLibrary", source / "RbeeLibrary", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    newest = ["--upgrade", "--upgrade-strategy", "eager"] if which == "highest" else []
    steps = ([*pip, "install", "-q", *newest, *wanted], [*pip, "install", "-q", "--no-deps", str(source)], [*pip, "check"])
    return all(subprocess.run(step).returncode == 0 for step in steps)


def versions(python: Path) -> str:
    """What is installed, in one line."""
    listed = subprocess.run([str(python), "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, check=True)
    return ", ".join(f"{row['name']} {row['version']}" for row in json.loads(listed.stdout) if row["name"] not in ("pip", "setuptools"))


def run_suites(python: Path, which: str, folder: Path) -> int:
    """Runs all suites against the library that is installed; robot's exit code."""
    results = ROOT / "results" / f"bounds-{which}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RBEE_", "ROBOT_", "PYTHON"))}
    words = [str(python), "-m", "robot", "--console", "dotted", "-d", str(results), str(ROOT / "suites")]
    code = subprocess.run(words, cwd=folder, env=env).returncode
    print(f"{which}: {'all suites pass' if code == 0 else 'the suites do not pass'}; {results / 'log.html'}", flush=True)
    return code


def main() -> int:
    """Makes the environment and runs the suites in it."""
    which = sys.argv[1] if len(sys.argv) == 2 else ""
    if which not in ("lowest", "highest"):
        print("usage: python tests/tools/bounds.py lowest|highest", file=sys.stderr)
        return 2
    with open(ROOT / "pyproject.toml", "rb") as file:
        wanted = requirements(tomllib.load(file), which)
    with tempfile.TemporaryDirectory(prefix="bounds-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv/bin/python"
        if not install(python, which, wanted, folder):
            print(f"{which}: {' '.join(wanted)} cannot be installed together", file=sys.stderr)
            return 1
        print(f"{which}: Python {sys.version.split()[0]}, {versions(python)}", flush=True)
        return 1 if run_suites(python, which, folder) else 0


if __name__ == "__main__":
    sys.exit(main())
