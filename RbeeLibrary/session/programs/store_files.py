"""The SQLite files of queens and hives, read and written as another program would."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import UsageError, check_known

_BUSY_LIMIT = 5.0
_OF_REAL_HIVES = {"downloaded_at_unix": "downloaded_at"}


def node_row(node: str, now: float, *, ssh_host: str | None = None, ssh_user: str = "vince", install_path: str = "~/rbee") -> dict[str, Any]:
    """A row of the table `beehives`, as a successful `setup add-node` writes it (contract 10.1).

    Args:
        node: name of the node.
        now: date in seconds since 1970.
        ssh_host: its host name; None = `<node>.home.arpa`.
        ssh_user: user name on the node.
        install_path: folder of the installation on the node.
    """
    return {
        "node_name": node,
        "ssh_host": ssh_host or f"{node}.home.arpa",
        "ssh_user": ssh_user,
        "ssh_port": 22,
        "git_repo_url": "https://github.com/user/llama-orch.git",
        "git_branch": "main",
        "install_path": install_path,
        "last_connected_unix": int(now),
        "status": "reachable",
    }


class StoreFiles:
    """Opens a connection of its own for every access.

    Args:
        paths: name of a queen or hive -> path of its file.
    """

    def __init__(self, paths: Mapping[str, str]):
        self._paths = paths

    def rows(self, name: str, table: str, where: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows in the order of insertion, over a read-only connection.

        Args:
            name: of a queen or hive.
            table: of its file.
            where: column -> value.

        Raises:
            UsageError: there is no such file, table or column.
        """
        path = self._path(name)
        if not Path(path).exists():
            raise UsageError(f"{name} has no file {path} yet: is provisioning off, or was it never started?")
        condition = " AND ".join(f'"{column}" IS ?' for column in where) or "1"
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_BUSY_LIMIT)) as connection:
                connection.row_factory = sqlite3.Row
                self._check_columns(connection, name, table, where)
                found = connection.execute(f'SELECT * FROM "{table}" WHERE {condition} ORDER BY rowid', tuple(where.values())).fetchall()
        except sqlite3.Error as error:
            raise UsageError(f"rows of {table} of {name} cannot be read: {error}") from None
        return [dict(row) for row in found]

    def _check_columns(self, connection: sqlite3.Connection, name: str, table: str, where: Mapping[str, Any]) -> None:
        # SQLite takes a column that does not exist for a text, and finds nothing.
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        check_known(table, tables, f"table of {name}")
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        for column in where:
            check_known(column, columns, f"column of {table}")

    def insert(self, name: str, table: str, values: Mapping[str, Any]) -> int:
        """Inserts a row, or replaces the one with its key; returns its number.

        Raises:
            UsageError: there is no such file, or it cannot be written.
        """
        path = self._path(name)
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=_BUSY_LIMIT)) as connection, connection:
                columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                if columns and not values.keys() <= columns:  # a real hive's table of models has no id, and another name for the date (contract 10.2)
                    renamed = {_OF_REAL_HIVES.get(column, column): value for column, value in values.items()}
                    values = {column: value for column, value in renamed.items() if column in columns}
                marks = ", ".join("?" * len(values))
                statement = f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({marks})"
                return connection.execute(statement, tuple(values.values())).lastrowid or 0
        except sqlite3.Error as error:
            missing = "; a hive has a catalog only if a model hub runs when it starts: Start Model Hub" if table == "models" and not Path(path).exists() else ""
            raise UsageError(f"{path} of {name} cannot be written: {error}; start {name} first, it makes the file{missing}") from None

    def _path(self, name: str) -> str:
        path = self._paths.get(name)
        if path is None:
            raise UsageError(f"{name!r} has no SQLite file known here, expected one of {', '.join(self._paths) or 'a queen or a hive: start one'}")
        return path
