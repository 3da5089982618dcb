"""The rooms of the package and the arrows between them."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "RbeeLibrary"
ALLOWED = {
    "protocol": set(),
    "run": set(),
    "fleet": {"run"},
    "fakes": {"run", "protocol"},
    "report": {"run", "protocol"},
    "assertions.py": set(),
    "keywords": {"assertions", "fleet", "run", "protocol", "report"},
    "library.py": {"keywords", "run"},
}
STARTERS = ("queen.py", "ssh_call.py", "keeper_children.py", "hive.py", "hive_workers.py", "keeper.py")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def imported_rooms(path: Path) -> set[str]:
    depth = len(path.relative_to(PACKAGE).parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            rooms |= {(node.module or alias.name).split(".")[0] for alias in node.names}
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
    allowed = ALLOWED[room] | ({"fleet"} if room == "fakes" and path.name in STARTERS else set())
    rooms = imported_rooms(path) - {"options"}
    assert rooms - {room} <= allowed, f"{room} may use {sorted(allowed)}"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.relative_to(PACKAGE).parts[0] in ("protocol", "run", "fleet", "fakes")], ids=lambda path: path.name
)
def test_programs_know_no_robot_framework(path):
    assert not foreign_imports(path) & {"robot", "RequestsLibrary", "requests"}


@pytest.mark.parametrize("path", [path for path in FILES if path.relative_to(PACKAGE).parts[0] == "protocol"], ids=lambda path: path.name)
def test_protocol_does_no_io(path):
    assert not foreign_imports(path) & {"os", "socket", "http", "subprocess", "threading", "pathlib", "time"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_room_is_crowded(path):
    assert len(path.read_text().splitlines()) <= 420
