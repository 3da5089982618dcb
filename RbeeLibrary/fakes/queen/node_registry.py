"""The node registry of a queen: `beehives.db` (contract 10.1)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ...protocol.error_codes import RbeeError
from ...protocol.schema.messages import NodeRegistration
from ..database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS beehives (
    node_name TEXT PRIMARY KEY,
    ssh_host TEXT NOT NULL,
    ssh_port INTEGER NOT NULL DEFAULT 22,
    ssh_user TEXT NOT NULL,
    ssh_key_path TEXT,
    git_repo_url TEXT NOT NULL,
    git_branch TEXT NOT NULL DEFAULT 'main',
    install_path TEXT NOT NULL,
    last_connected_unix INTEGER,
    last_error TEXT,
    status TEXT NOT NULL DEFAULT 'unknown',
    backends TEXT,
    devices TEXT
)
"""
_COLUMNS = ("node_name", "ssh_host", "ssh_port", "ssh_user", "ssh_key_path", "git_repo_url", "git_branch", "install_path", "backends", "devices")


class NodeRegistry:
    """The table of nodes, by name; it survives a restart of the queen.

    Raises:
        RbeeError: INTERNAL if the file cannot be read or written, for instance because another program has locked it.
    """

    def __init__(self, path: str):
        self._database = Database(path, _SCHEMA)

    def put(self, registration: NodeRegistration, now: int) -> None:
        """Writes the row of a node that has just been reached; `now` is in seconds since 1970."""
        values = [getattr(registration, name) for name in _COLUMNS]
        columns = ", ".join(_COLUMNS)
        marks = ", ".join("?" * len(_COLUMNS))
        self._change(
            f"INSERT OR REPLACE INTO beehives ({columns}, last_connected_unix, last_error, status) VALUES ({marks}, ?, NULL, 'reachable')", (*values, now)
        )

    def find(self, node: str) -> dict[str, Any] | None:
        """The row of a node, or None."""
        rows = self._rows("SELECT * FROM beehives WHERE node_name = ?", (node,))
        return rows[0] if rows else None

    def all(self) -> list[dict[str, Any]]:
        """All rows, sorted by name."""
        return self._rows("SELECT * FROM beehives ORDER BY node_name")

    def remove(self, node: str) -> bool:
        """Deletes a row; returns whether there was one."""
        return self._change("DELETE FROM beehives WHERE node_name = ?", (node,)) > 0

    def note_reached(self, node: str, now: int) -> None:
        """Marks a node as reachable; `now` is in seconds since 1970."""
        self._change("UPDATE beehives SET last_connected_unix = ?, last_error = NULL, status = 'reachable' WHERE node_name = ?", (now, node))

    def note_unreached(self, node: str, reason: str) -> None:
        """Marks a node as unreachable."""
        self._change("UPDATE beehives SET last_error = ?, status = 'unreachable' WHERE node_name = ?", (reason, node))

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        try:
            return self._database.rows(statement, values)
        except sqlite3.Error as error:
            raise RbeeError("INTERNAL", f"the node registry cannot be read: {error}") from error

    def _change(self, statement: str, values: Sequence[Any]) -> int:
        try:
            return self._database.change(statement, values)
        except sqlite3.Error as error:
            raise RbeeError("INTERNAL", f"the node registry cannot be written: {error}") from error
