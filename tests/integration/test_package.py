"""The wheel and the sdist, as a user installs them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from readme import blocks
from running import ROOT

from RbeeLibrary import __version__

LIMIT = 300


def sh(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Runs a command, which must succeed."""
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with wheel and sdist, built from the tracked files."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    source.mkdir()
    files = sh("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    sh(sys.executable, "-m", "build", "--outdir", str(folder), str(source), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """The interpreter of an empty environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("env")
    sh(sys.executable, "-m", "venv", str(folder), cwd=folder)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    sh(str(python), "-m", "pip", "install", "-q", str(wheel), "pytest", cwd=folder)
    return python


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("RBEE_", "ROBOT_", "PYTHON"))}


def test_wheel_and_sdist_are_complete(built):
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "RbeeLibrary").rglob("*") if path.suffix in (".py", ".typed")}
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        assert sources <= set(wheel.namelist())
        assert not [name for name in wheel.namelist() if name.startswith(("tests/", "suites/"))]
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert sources | {"README.md", "LICENSE", "pyproject.toml"} <= names


def test_there_is_one_version(built):
    assert next(built.glob("*.whl")).name.split("-")[1] == __version__


def test_example_of_the_readme_runs_in_an_empty_folder(installed, tmp_path):
    (tmp_path / "example.robot").write_text(next(block for block in blocks("robotframework") if "*** Test Cases ***" in block))
    sh(str(installed), "-m", "robot", "example.robot", cwd=tmp_path, env=clean_environment())
    assert "Start Fleet" in sh(str(installed), "-m", "robot.libdoc", "RbeeLibrary", "list", cwd=tmp_path, env=clean_environment())


def test_programs_and_python_api_are_installed(installed, tmp_path):
    assert "fake-worker" in sh(str(installed.parent / "fake-worker"), "--help", cwd=tmp_path, env=clean_environment())
    code = "from RbeeLibrary import Fleet\nwith Fleet(workers=1) as fleet: print(fleet.wait(fleet.submit('hello')))"
    assert sh(str(installed), "-c", code, cwd=tmp_path, env=clean_environment()) == "done\n"
    (tmp_path / "test_it.py").write_text("def test_it(rbee):\n    rbee.start_fleet(workers=1)\n")
    assert "1 passed" in sh(str(installed), "-m", "pytest", "test_it.py", cwd=tmp_path, env=clean_environment())


def test_types_are_seen_by_a_type_checker(installed, tmp_path):
    (tmp_path / "use.py").write_text("from RbeeLibrary import Fleet\nwith Fleet(workers=1) as fleet:\n    reveal_type(fleet.queen.port)\n    fleet.kill(1)\n")
    words = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed), "use.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert 'Revealed type is "int"' in done.stdout or 'Revealed type is "builtins.int"' in done.stdout, done.stdout
    assert 'incompatible type "int"; expected "str | Daemon"' in done.stdout, done.stdout
