"""A file of tables that cannot be used is set aside, and a new one takes its place."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from RbeeLibrary.fakes.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS models (reference TEXT)"


def test_file_whose_table_lacks_a_column_is_set_aside_when_that_is_noticed(tmp_path):
    path, recovered = tmp_path / "models.db", []
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE models (name TEXT)")
        other.execute("INSERT INTO models VALUES ('of another program')")
    other.close()
    database = Database(str(path), SCHEMA, recovered.append)
    assert recovered == []
    assert database.rows("SELECT reference FROM models") == []
    assert recovered == [f"{path}.corrupt.backup"]
    assert database.change("INSERT INTO models (reference) VALUES ('m')") == 1
    assert Database(recovered[0], SCHEMA).rows("SELECT name FROM models") == [{"name": "of another program"}]


@pytest.mark.parametrize("statement", ["INSERT INTO models (reference) VALUES ('m')", "INSERT INTO models VALUES ('m')"])
def test_file_of_other_tables_is_set_aside_when_it_is_written_to(tmp_path, statement):
    path, recovered = tmp_path / "models.db", []
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE models (name TEXT, size INTEGER)")
    assert Database(str(path), SCHEMA, recovered.append).change(statement) == 1
    assert recovered == [f"{path}.corrupt.backup"]
