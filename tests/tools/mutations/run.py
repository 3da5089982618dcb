"""Runs the mutations and prints the table: `python tests/tools/mutations/run.py [part of a name]`."""

from __future__ import annotations

import atexit
import compileall
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from running import LIMIT, ROOT, robot, robot_env

from mutations.table import MUTATIONS, GeneratedMutation, Mutation, generated


@functools.cache
def whole_copy() -> Path:
    """A copy of the project, compiled: every program of every mutation would compile it again."""
    folder = Path(tempfile.mkdtemp(prefix="rbee-whole-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for part in ("RbeeLibrary", "suites", "resources", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    compileall.compile_dir(folder / "RbeeLibrary", quiet=1)
    return folder


def patched_copy(mutation: Mutation | GeneratedMutation, folder: Path) -> Path:
    """A copy of the project with the behaviour broken."""
    source = mutation.source()
    shutil.copytree(whole_copy(), folder, dirs_exist_ok=True)
    (folder / "RbeeLibrary" / mutation.file).write_text(source)
    return folder


def outcome(mutation: Mutation | GeneratedMutation) -> tuple[bool, str]:
    """Runs the test that names the behaviour; says whether it failed, and its message."""
    with tempfile.TemporaryDirectory(prefix="rbee-mutation-") as name:
        folder = patched_copy(mutation, Path(name))
        if mutation.suite.endswith(".py"):
            return _outcome_of_pytest(mutation, folder)
        results = folder / "results"
        results.mkdir()
        run = robot(results, "--test", mutation.test, str(folder / mutation.suite), package=folder)
        test = run.tests().get(mutation.test)
        if test is None:
            return False, f"there is no test {mutation.test!r}: {run.output[-500:]}"
        return test.status == "FAIL", test.message


def _outcome_of_pytest(mutation: Mutation | GeneratedMutation, folder: Path) -> tuple[bool, str]:
    words = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:xdist", "-W", "ignore", f"{mutation.suite}::{mutation.test}"]
    done = subprocess.run(words, cwd=folder, env=robot_env(package=folder), capture_output=True, text=True, timeout=LIMIT)
    if done.returncode not in (0, 1):
        return False, f"there is no test {mutation.test!r}: {done.stdout[-500:]}{done.stderr[-500:]}"
    said = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E  ")]
    return done.returncode == 1, "\n".join(said)


def main() -> int:
    """Prints a line a mutation; 1 if one survived."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    survived = 0
    for mutation in [*MUTATIONS, *generated()]:
        if wanted in mutation.name:
            caught, message = outcome(mutation)
            survived += not caught
            first = message.splitlines()[0] if message else ""
            print(f"{'caught  ' if caught else 'SURVIVED'} | {mutation.name} | {mutation.test} | {first[:110]}", flush=True)
    print(f"{survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
