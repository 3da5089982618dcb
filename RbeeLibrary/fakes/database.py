"""A SQLite file that survives SIGKILL at any moment and is replaced when it is corrupt (contract 5.6, 10)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..run.platform import expand_home

_BUSY_LIMIT = 5.0
_UNREADABLE = ("file is not a database", "malformed", "file is encrypted", "disk image")
_OTHER_TABLES = ("no such table", "no such column", "has no column named", "values were supplied")
"""What SQLite says of the tables of another program, when they are read and when they are written to."""


class Database:
    """A SQLite file with its tables. Every transaction opens it anew, so that threads and forks share no connection.

    Args:
        path: of the file; its folder is created.
        schema: statements that create the tables.
        on_recovered: called with the new path of a corrupt file that was set aside; None = a corrupt file is an error.

    Raises:
        OSError: the folder cannot be created.
        sqlite3.Error: the file cannot be used.
    """

    def __init__(self, path: str, schema: str, on_recovered: Callable[[str], None] | None = None):
        self.path = expand_home(path)
        self._schema = schema
        self._on_recovered = on_recovered
        self._recovery = threading.Lock()
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
        self.run(lambda connection: None)

    def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Runs a function in one transaction; a corrupt file is set aside first, and the function runs on a new one."""
        try:
            return self._transaction(work)
        except sqlite3.DatabaseError as error:
            if self._on_recovered is None or not _is_corrupt(error):
                raise
        self._set_aside(work)
        return self._transaction(work)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query, as dictionaries with the columns in their order."""
        found: list[dict[str, Any]] = self.run(lambda connection: [dict(row) for row in connection.execute(statement, values)])
        return found

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement; returns the number of rows that it changed."""
        count: int = self.run(lambda connection: connection.execute(statement, values).rowcount)
        return count

    def _transaction(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        with self._open() as connection, connection:
            return work(connection)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not os.path.exists(self.path):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=_BUSY_LIMIT)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")  # SIGKILL loses no written data; only a power cut would
            connection.executescript(self._schema)
            yield connection
        finally:
            connection.close()

    def _set_aside(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        with self._recovery:
            try:
                self._transaction(work)
                return  # another thread has set the corrupt file aside already
            except sqlite3.DatabaseError as error:
                if not _is_corrupt(error):
                    raise
            base = f"{self.path}.corrupt.backup"
            number, backup = 0, base
            while os.path.exists(backup):
                number, backup = number + 1, f"{base}.{number + 1}"
            os.rename(self.path, backup)
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(self.path + suffix)
            assert self._on_recovered is not None
            self._on_recovered(backup)


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    return any(sign in str(error) for sign in (*_UNREADABLE, *_OTHER_TABLES))
