"""Differences of real programs that are known: the tests named in a file are skipped where they fail, so that only new differences fail a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import UsageError

HEAD = "# Tests whose real program differs, a line each: SUITE.TEST. Give this file as differences= (-v DIFFERENCES:FILE), and only other tests fail.\n"


class KnownDifferences:
    """The names in a file.

    Args:
        path: of the file; None = there is none.

    Raises:
        UsageError: the file cannot be read, or has a line that is no name of a test.
    """

    def __init__(self, path: Path | None):
        self._path = path
        self._names = _names(path) if path is not None else set()
        self.outdated: list[str] = []

    def excuse(self, result: Any) -> bool:
        """Skips a test that failed as it is known to; returns whether it did. Notes a test that no longer fails."""
        name = name_of(result)
        if name not in self._names:
            return False
        if result.passed:
            self.outdated.append(name)
        if not result.failed:
            return False
        result.message = f"differs, as {self._path} says: {result.message}"
        result.status = "SKIP"
        return True


def name_of(result: Any) -> str:
    """Name of a test in such a file: that of its suite, and its own."""
    return f"{result.parent.name}.{result.name}"


def as_file(names: Iterable[str]) -> str:
    """The content of a file with names of tests."""
    return HEAD + "".join(f"{name}\n" for name in names)


def _names(path: Path) -> set[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"differences={path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    names = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    wrong = next((name for name in sorted(names) if "." not in name), None)
    if wrong is not None:
        raise UsageError(f"{path} has the line {wrong[:200]!r}, expected SUITE.TEST, such as Streaming.Tokens Come One By One")
    return names
