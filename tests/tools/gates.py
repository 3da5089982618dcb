"""All gates, one after the other: `python tests/tools/gates.py [name ...]`. Ends with 1 if one is shut."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from running import ROOT, await_none_left, compile_package, robot_env

TOOLS = Path(sys.executable).parent
WRITTEN_BY_TOOLS = {
    ".venv",
    ".git",
    "results",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".robocop_cache",
    ".hypothesis",
    "build",
    "robotframework_rbeelibrary.egg-info",
}


def tool(*words: str, env: dict[str, str] | None = None) -> bool:
    """Runs a tool of this environment in the project's root."""
    return subprocess.run([str(TOOLS / words[0]), *words[1:]], cwd=ROOT, env=env).returncode == 0


def files() -> dict[Path, float]:
    """Files of the project that no tool writes, with the time of their last change."""
    found = {}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in WRITTEN_BY_TOOLS]
        found.update({Path(folder, name): Path(folder, name).stat().st_mtime for name in names})
    return found


def suites() -> bool:
    """Runs the suites as a user does; nothing may be left, and nothing written but below results/."""
    began, before = time.time(), files()
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        passed = tool("robot", "-d", "results", "suites/", env=robot_env({"HOME": home}))
        stray = [str(path) for path in Path(home).rglob("*")]
    left = await_none_left(began)
    changed = [str(path) for path, changed in files().items() if before.get(path) != changed]
    for what, found in (("left alive", left), ("written to HOME", stray), ("written outside results/", changed)):
        if found:
            print(f"{what}: {', '.join(found)}")
    return passed and not left and not stray and not changed


def pytest() -> bool:
    """Runs the tests four at a time: most of the time they wait for processes."""
    return tool("pytest", "-n", "4", "--dist", "worksteal", "--durations", "25", "tests")


def mutants() -> bool:
    """Tries the same generated mutants each time; the others are tried by a command of their own."""
    return subprocess.run([sys.executable, str(ROOT / "tests/tools/mutants/run.py"), "sample"], cwd=ROOT).returncode == 0


GATES: dict[str, Callable[[], bool]] = {
    "ruff": lambda: tool("ruff", "check", "RbeeLibrary", "resources", "tests") and tool("ruff", "format", "--check", "RbeeLibrary", "resources", "tests"),
    "mypy": lambda: tool("mypy"),
    "robocop": lambda: tool("robocop", "check", "suites", "resources", "tests"),
    "dryrun": lambda: tool("robot", "--dryrun", "--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "dotted", "suites"),
    "suites": suites,
    "pytest": pytest,
    "mutants": mutants,
}


def main() -> int:
    """Opens all gates, or those that are named."""
    compile_package()
    shut = []
    for name in sys.argv[1:] or list(GATES):
        print(f"=== {name}", flush=True)
        began = time.monotonic()
        if not GATES[name]():
            shut.append(name)
        print(f"=== {name} {'SHUT' if name in shut else 'open'} after {time.monotonic() - began:.1f} s", flush=True)
    print(f"shut: {', '.join(shut)}" if shut else "all gates are open")
    return 1 if shut else 0


if __name__ == "__main__":
    sys.exit(main())
