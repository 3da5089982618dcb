"""Makes mutants: the package's source with one small change each."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from running import ROOT

from mutants.operators import OPERATORS

PACKAGE = ROOT / "RbeeLibrary"
FOLDERS = ("fakes", "session", "keywords", "report", "clock", "journal", "faults", "protocol")
_NEVER = ("len", "isinstance", "cast", "TypeVar", "getLogger")
_SEEDED = b"rbee"


@dataclass(frozen=True)
class Mutant:
    """One small change.

    Attributes:
        file: below RbeeLibrary/.
        function: qualified name of the function, or "" outside of functions.
        operator: that makes the change.
        number: of the change among those of this operator and function.
        line: of the change, from 1.
        before: changed source, without line breaks.
        after: what it becomes.
    """

    file: str
    function: str
    operator: str
    number: int
    line: int = field(compare=False)
    before: str = field(compare=False)
    after: str = field(compare=False)

    @property
    def name(self) -> str:
        """Names the mutant as long as nothing before it in its function changes."""
        return f"{self.scope}::{self.operator}#{self.number}"

    @property
    def scope(self) -> str:
        """File and function."""
        return f"{self.file}::{self.function}"

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


class _Collector(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, module: cst.Module, file: str):
        super().__init__()
        self.found: list[tuple[Mutant, cst.CSTNode, cst.CSTNode]] = []
        self._module = module
        self._file = file
        self._scope: list[str] = []
        self._functions: list[bool] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _left_out(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._scope.append(node.name.value)
            self._functions.append(isinstance(node, cst.FunctionDef))
        for kind, operator, changed in OPERATORS:
            if isinstance(node, kind):
                for after in changed(node):
                    self._add(node, operator, after)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._scope.pop()
            self._functions.pop()

    def _add(self, node: cst.CSTNode, operator: str, after: cst.CSTNode) -> None:
        if not any(self._functions):
            return  # constants and declarations: they run once, at import, whatever the test is
        if operator == "left out" and self._scope[-1] == "__init__":
            return  # the attribute would not exist
        function = ".".join(self._scope)
        position = self.get_metadata(PositionProvider, node, None)
        before, changed = self._code(node), self._code(after)
        if position is None or before == changed:
            return
        number = self._counts[function, operator]
        self._counts[function, operator] += 1
        self.found.append((Mutant(self._file, function, operator, number, position.start.line, before, changed), node, after))

    def _code(self, node: cst.CSTNode) -> str:
        if isinstance(node, cst.If):
            node = node.test
        return " ".join(self._module.code_for_node(node).split())


def _left_out(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom | cst.Assert):
        return True
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _NEVER:
        return True
    if isinstance(node, cst.Param):
        return not isinstance(node.default, cst.SimpleString | cst.BaseNumber | cst.Name)
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)  # a docstring


def _collected(file: str, package: Path = PACKAGE) -> tuple[cst.Module, _Collector]:
    wrapper = MetadataWrapper(cst.parse_module((package / file).read_text()))
    collector = _Collector(wrapper.module, file)
    wrapper.visit(collector)
    return wrapper.module, collector


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of a file below RbeeLibrary/."""
    return [mutant for mutant, _, _ in _collected(file)[1].found]


def mutated_source(mutant: Mutant, package: Path = PACKAGE) -> str:
    """The source of its file with the change.

    Args:
        mutant: what is changed.
        package: folder of the package: the sources may go on changing while mutants of a copy are tried.
    """
    module, collector = _collected(mutant.file, package)
    for found, node, after in collector.found:
        if found == mutant:
            changed = module.deep_replace(node, after)
            assert isinstance(changed, cst.Module)
            return changed.code
    raise ValueError(f"there is no mutant {mutant.name}: its function has changed")


def files(folders: tuple[str, ...] = FOLDERS) -> Iterator[str]:
    """Source files of folders below RbeeLibrary/."""
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            yield str(path.relative_to(PACKAGE))


@functools.cache
def all_mutants(folders: tuple[str, ...] = FOLDERS) -> list[Mutant]:
    """All mutants, in an order that is random, always the same, and not changed by mutants that come or go elsewhere."""
    with ProcessPoolExecutor() as pool:
        found = [mutant for mutants in pool.map(mutants_of, files(folders), chunksize=4) for mutant in mutants]
    return sorted(found, key=lambda mutant: hashlib.blake2b(mutant.name.encode(), key=_SEEDED).digest())
