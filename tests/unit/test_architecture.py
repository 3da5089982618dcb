"""The rooms of the package, and the arrows between them."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "RbeeLibrary"
BASE = {"run", "clock", "net", "journal", "faults", "protocol"}
ALLOWED = {
    "protocol": set(),
    "run": set(),
    "clock": {"run"},
    "journal": {"run", "clock"},
    "net": {"run", "clock", "journal", "protocol"},
    "faults": {"run", "clock", "journal", "protocol"},
    "fleet": {"run", "clock", "net"},
    "fakes": BASE,
    "recorder": {"fakes"} | BASE,
    "report": {"protocol", "faults", "journal"},
    "load": {"protocol"},
    "session": {"fleet", "report"} | BASE,
    "keywords": {"session", "listener", "fleet", "report"} | BASE,
    "listener": {"session", "fleet", "report"} | BASE,
    "library.py": {"keywords", "listener", "session", "run"},
    "python_api.py": {"session", "report"} | BASE,
    "pytest_plugin.py": {"python_api", "session", "report"},
    "errors.py": set(),
}
"""Room -> rooms that it may import from. The arrows go down only."""
STARTERS = ("queen/ssh_call.py", "keeper/child_daemon.py", "hive/hive.py", "hive/workers.py", "hive/worker_row.py")
"""Fakes that start processes, and so use `fleet`."""
WITHOUT_ROBOT = (
    *BASE,
    "fleet",
    "fakes",
    "recorder",
    "report",
    "session",
    "python_api.py",
    "pytest_plugin.py",
    "errors.py",
)
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def imported_rooms(path: Path) -> set[str]:
    depth = len(path.relative_to(PACKAGE).parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            rooms |= {(node.module or alias.name).split(".")[0] for alias in node.names if alias.name != "__version__"}
    return rooms


def foreign_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_between_rooms(path):
    room = path.relative_to(PACKAGE).parts[0]
    allowed = ALLOWED[room] | ({"fleet"} if str(path).endswith(STARTERS) else set())
    rooms = imported_rooms(path) - {"errors"}  # the tree of errors is for everybody
    assert rooms - {room} <= allowed, f"{room} may use {sorted(allowed)}"


@pytest.mark.parametrize("path", [path for path in FILES if path.relative_to(PACKAGE).parts[0] in WITHOUT_ROBOT], ids=lambda path: path.name)
def test_programs_know_no_robot_framework(path):
    assert not foreign_imports(path) & {"robot", "RequestsLibrary", "requests"}


@pytest.mark.parametrize("path", [path for path in FILES if path.relative_to(PACKAGE).parts[0] == "protocol"], ids=lambda path: path.name)
def test_protocol_does_no_io(path):
    assert not foreign_imports(path) & {"os", "socket", "http", "subprocess", "threading", "pathlib", "time"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_crowded(path):
    assert len(path.read_text().splitlines()) <= 400


def test_no_basename_comes_twice():
    names = [path.name for path in FILES if path.name != "__main__.py"]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_two_classes_share_a_name():
    names = [node.name for path in FILES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_folder_is_crowded():
    crowded = {}
    for folder in {path.parent for path in FILES} - {PACKAGE / "keywords"}:  # which has a file for each topic of Libdoc
        files = [path.name for path in folder.glob("*.py") if not path.name.startswith("__")]
        if len(files) > 12:
            crowded[folder.name] = sorted(files)
    assert crowded == {}
