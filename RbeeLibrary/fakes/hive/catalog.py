"""The model catalog of a hive: `models.db` (contract 10.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (
    id TEXT NOT NULL,
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    local_path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    downloaded_at_unix INTEGER NOT NULL,
    UNIQUE (provider, reference)
)
"""


@dataclass(frozen=True)
class CatalogRow:
    """The row of one model; its fields are the columns in their order."""

    id: str
    provider: str
    reference: str
    local_path: str
    size_bytes: int
    downloaded_at_unix: int


class Catalog:
    """The table of models, by reference.

    Args:
        path: of the SQLite file.
        on_recovered: called with the new path of a corrupt file that was set aside.
    """

    def __init__(self, path: str, on_recovered: Callable[[str], None]):
        self._database = Database(path, _SCHEMA, on_recovered)

    def find(self, model_ref: str) -> CatalogRow | None:
        """The row of a model reference `provider:reference`, or None."""
        provider, _, reference = model_ref.partition(":")
        rows = self._database.rows("SELECT * FROM models WHERE provider = ? AND reference = ?", (provider, reference))
        return CatalogRow(**rows[0]) if rows else None

    def has_path(self, path: str) -> bool:
        """Whether a model is stored under this path."""
        return bool(self._database.rows("SELECT 1 FROM models WHERE local_path = ?", (path,)))

    def mark_gone(self, row: CatalogRow) -> None:
        """Marks the row of a model whose file has vanished: its size becomes 0."""
        self._database.change("UPDATE models SET size_bytes = 0 WHERE local_path = ?", (row.local_path,))

    def add(self, row: CatalogRow) -> None:
        """Adds a model, or replaces the row of the same reference."""
        self._database.change("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?)", tuple(vars(row).values()))
