"""Which statements a test runs, in whatever process: a copy of the package in which each statement sets a byte of a shared file.

coverage.py writes what it has seen when a process ends. Most processes here end by a signal, often SIGKILL. A byte that is set in a shared mapping is there for
everybody at once, whoever dies afterwards, and forked children have it without being told.
"""

from __future__ import annotations

import ast
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE = "rbee_probes"
"""Name of the module that the copy imports. It and the file of the mapping lie in the copy."""
_SOURCE = '''"""Bytes that statements set."""
import mmap
from pathlib import Path

with Path(__file__).with_suffix(".map").open("r+b") as _file:
    hit = mmap.mmap(_file.fileno(), 0)
'''
_HEAD = """
({copy!r} in __import__("sys").path) or __import__("sys").path.append({copy!r})
from {module} import hit as _rbee_hit
"""
"""Programs that come over ssh have no PYTHONPATH."""


@dataclass(frozen=True)
class Statement:
    """A statement of a function.

    Attributes:
        file: below RbeeLibrary/.
        function: qualified name.
        first: its first line.
        last: its last line; for a statement with a body, the last one before the body.
    """

    file: str
    function: str
    first: int
    last: int


class _Instrumenter(ast.NodeTransformer):
    def __init__(self, file: str, statements: list[Statement]):
        self._file = file
        self._statements = statements
        self._scope: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._within(node)

    def _within(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self._scope.append(node.name)
        if isinstance(node, ast.FunctionDef):
            docstring = node.body[:1] if ast.get_docstring(node) is not None else []
            node.body = docstring + self._probed(node.body[len(docstring) :])
        else:
            node.body = [self.visit(child) for child in node.body]
        self._scope.pop()
        return node

    def _probed(self, body: list[ast.stmt]) -> list[ast.stmt]:
        probed: list[ast.stmt] = []
        for statement in body:
            if not isinstance(statement, ast.Global | ast.Nonlocal):
                probed.append(self._probe(statement))
            probed.append(self._visited(statement))
        return probed

    def _probe(self, statement: ast.stmt) -> ast.stmt:
        bodies = [child.lineno for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
        last = max(statement.lineno, min(bodies) - 1) if bodies else statement.end_lineno or statement.lineno
        self._statements.append(Statement(self._file, ".".join(self._scope), statement.lineno, last))
        return ast.parse(f"_rbee_hit[{len(self._statements) - 1}] = 1").body[0]

    def _visited(self, statement: ast.stmt) -> ast.stmt:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            visited: ast.stmt = self.visit(statement)
            return visited
        for name in ("body", "orelse", "finalbody"):
            if children := getattr(statement, name, None):
                setattr(statement, name, self._probed(children))
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            part.body = self._probed(part.body)
        return statement


def instrument(copy: Path) -> list[Statement]:
    """Puts probes into all functions of the package in a copy of the project.

    Args:
        copy: folder with RbeeLibrary/ in it.

    Returns:
        the statements, in the order of their bytes.
    """
    statements: list[Statement] = []
    for path in sorted((copy / "RbeeLibrary").rglob("*.py")):
        tree = ast.parse(path.read_text())
        _Instrumenter(str(path.relative_to(copy / "RbeeLibrary")), statements).visit(tree)
        head = 1 if ast.get_docstring(tree) is not None else 0
        while head < len(tree.body) and isinstance(node := tree.body[head], ast.ImportFrom) and node.module == "__future__":
            head += 1
        tree.body[head:head] = ast.parse(_HEAD.format(copy=str(copy), module=MODULE)).body
        path.write_text(ast.unparse(ast.fix_missing_locations(tree)))
    (copy / f"{MODULE}.py").write_text(_SOURCE)
    (copy / f"{MODULE}.map").write_bytes(bytes(len(statements)))
    return statements


class Probes:
    """The bytes of a copy.

    Args:
        copy: the folder.
    """

    def __init__(self, copy: Path):
        with (copy / f"{MODULE}.map").open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)

    def clear(self) -> None:
        """Forgets what was hit."""
        self._bytes[:] = bytes(len(self._bytes))

    def hits(self) -> Iterator[int]:
        """Numbers of the statements that were hit."""
        text, at = bytes(self._bytes), -1
        while (at := text.find(1, at + 1)) >= 0:
            yield at
