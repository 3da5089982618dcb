"""Which tests run which statement: measured once, kept as a file, read by the judge."""

from __future__ import annotations

import ast
import functools
import json
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running import ROOT, robot_env

from mutants.generator import PACKAGE, Mutant
from mutants.probes import Statement, instrument

MEASURED = ROOT / "results/mutants/coverage.json"
_PARTS = ("RbeeLibrary", "suites", "resources", "tests", "pyproject.toml", "README.md")
_LEFT_OUT = (
    *("test_architecture", "test_documents", "test_mutations", "test_mutants", "test_benchmarks", "test_bounds", "test_package", "test_scenarios"),
    *("test_fuzz", "test_portable_mode", "test_memory_growth", "test_readme", "test_shards"),
)
"""Tests that read the source or take the package elsewhere would notice a changed text, not a changed behaviour; the others are long."""
_SHARES = 3
_LIMIT = 3600


@dataclass(frozen=True)
class KnownTest:
    """A test that can judge.

    Attributes:
        kind: robot or pytest.
        where: its file, below the project's root.
        name: of the test; of pytest what follows the first `::`.
        seconds: that it took.
        size: number of statements that it runs: a small number makes it a test that is near to each of them.
    """

    kind: str
    where: str
    name: str
    seconds: float
    size: int

    @property
    def id(self) -> str:
        """File and name, as pytest writes them."""
        return f"{self.where}::{self.name}"


def copy_project(folder: Path) -> None:
    """Copies what a run of the tests needs."""
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)


def measure() -> dict[str, Any]:
    """Runs all suites and tests with probes, in three shares at once; returns the map as it is written to a file."""
    with tempfile.TemporaryDirectory(prefix="rbee-hits-") as name:
        copies = [Path(name, f"copy{number}") for number in range(_SHARES)]
        statements: list[Statement] = []
        for copy in copies:
            copy.mkdir()
            copy_project(copy)
            statements = instrument(copy)
        files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.stem not in _LEFT_OUT]
        shares = [[], files[0::2], files[1::2]]
        with ThreadPoolExecutor(_SHARES) as pool:
            records = [record for found in pool.map(_run_share, copies, shares) for record in found]
    return _to_json(statements, records)


def _run_share(copy: Path, files: list[Path]) -> list[dict[str, Any]]:
    written = copy / "hits.jsonl"
    env = robot_env({"RBEE_HIT_COPY": str(copy), "RBEE_HIT_FILE": str(written)}, package=copy)
    env["PYTHONPATH"] = f"{copy}:{copy / 'tests/tools'}"
    if files:
        words = ["pytest", "-q", "-p", "mutants.hit_plugin", "-p", "no:xdist", "-p", "no:cacheprovider", *(str(path.relative_to(ROOT)) for path in files)]
    else:
        words = ["robot", "--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "dotted"]
        words += ["--outputdir", str(copy / "results"), "--listener", f"mutants.hit_listener;{copy};{written}", "suites"]
    subprocess.run([sys.executable, "-m", *words], cwd=copy, env=env, stdout=sys.stderr, timeout=_LIMIT)
    records = [json.loads(line) for line in written.read_text().splitlines()]
    return [{**record, "where": record["where"].removeprefix(f"{copy}/")} for record in records]


def _to_json(statements: list[Statement], records: list[dict[str, Any]]) -> dict[str, Any]:
    good = sorted((record for record in records if record["status"] == "PASS"), key=lambda record: len(record["hits"]))
    tests = [[record["kind"], record["where"], record["name"], round(record["seconds"], 2), len(record["hits"])] for record in good]
    of_statement: list[list[int]] = [[] for _ in statements]
    for number, record in enumerate(good):
        for hit in record["hits"]:
            of_statement[hit].append(number)
    sets: dict[tuple[int, ...], int] = {}
    functions: dict[str, list[list[int]]] = {}
    for statement, run_by in zip(statements, of_statement, strict=True):
        group = sets.setdefault(tuple(run_by), len(sets))
        functions.setdefault(f"{statement.file}::{statement.function}", []).append([statement.first, statement.last, group])
    return {"tests": tests, "sets": [list(one) for one in sets], "functions": functions}


def to_text(found: dict[str, Any]) -> str:
    """JSON with a line for each test, set and function."""
    parts = []
    for name, value in found.items():
        rows = [json.dumps(one, separators=(",", ":")) for one in value]
        if isinstance(value, dict):
            rows = [f"{row}:{json.dumps(value[key], separators=(',', ':'))}" for row, key in zip(rows, value, strict=True)]
        start, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
        parts.append(f'"{name}":{start}\n' + ",\n".join(rows) + f"\n{end}")
    return "{" + ",\n".join(parts) + "}\n"


class CoverageMap:
    """Finds the tests that run a line.

    Lines are those of the source at the time of the measurement, counted from the start of the function: a function that has moved keeps its tests, and
    in one that has changed they are those of a statement nearby.

    Args:
        path: file of the map.
    """

    def __init__(self, path: Path):
        found = json.loads(path.read_text())
        self.tests = [KnownTest(*row) for row in found["tests"]]
        self._sets = found["sets"]
        self._functions: dict[str, list[list[int]]] = found["functions"]

    def tests_of(self, mutant: Mutant) -> list[KnownTest]:
        """Tests that run the mutant's line, the nearest one first."""
        statements = self._functions.get(mutant.scope, [])
        if not statements:
            return []
        line = mutant.line - _first_line(mutant.file, mutant.function) + statements[0][0]
        around = [one for one in statements if one[0] <= line <= one[1]] or statements
        numbers = sorted({test for _, _, group in around for test in self._sets[group]})
        return [self.tests[number] for number in numbers]


@functools.cache
def _first_lines(file: str) -> dict[str, int]:
    found: dict[str, int] = {}

    def walk(node: ast.AST, scope: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = (*scope, child.name)
                if isinstance(child, ast.FunctionDef):
                    first = 1 if ast.get_docstring(child) is not None and len(child.body) > 1 else 0
                    found[".".join(inner)] = child.body[first].lineno
                walk(child, inner)
            else:
                walk(child, scope)

    walk(ast.parse((PACKAGE / file).read_text()), ())
    return found


def _first_line(file: str, function: str) -> int:
    return _first_lines(file).get(function, 1)
