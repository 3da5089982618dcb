"""The group Stores: the SQLite files of queen and hive, and model files."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..fleet.launch import private
from ..protocol.gguf import write_header
from ..protocol.units import ByteSize
from ..session.assertions import Check, UsageError
from ..session.session import Session, private_folder
from ..session.types import Daemon, Quantization
from .option_arguments import asserting

_BUSY_LIMIT = 5.0


class StoreKeywords:
    """The group Stores. Everything is read by a read-only connection of its own, and written as another program would write it."""

    def __init__(self, context: Session):
        self._context = context

    @keyword
    def create_model_file(
        self,
        path: Path,
        *,
        size: str = "5MB",
        quantization: Quantization = Quantization.Q4_K_M,
        vocab_size: int = 32000,
        eos_token_id: int = 2,
        architecture: str = "llama",
    ) -> Path:
        """Writes a model file: a valid GGUF header and nothing behind it, in a sparse file of any size. Contract 6.7.

        Args:
            path: Of the file; a relative one lies in the present test's scratch folder, which goes with the test.
            size: Size of the file, such as `669MB`.
            quantization: In its header.
            vocab_size: In its header.
            eos_token_id: In its header.
            architecture: In its header.

        Returns:
            The absolute path.
        """
        file = path if path.is_absolute() else self._context.scratch("files") / path
        private_folder(file.parent)
        with open(file, "wb", opener=private) as opened:
            opened.write(write_header(architecture=architecture, vocab_size=vocab_size, eos_token_id=eos_token_id, quantization=quantization.value))
            opened.truncate(max(opened.tell(), int(ByteSize.parse(size))))
        logger.info(f"{file} has {file.stat().st_size} bytes, {quantization.value}")
        return file

    @keyword
    def add_model_to_catalog(self, reference: str, *, hive: str | Daemon = "hive", size: str = "5MB", path: Path | None = None) -> int:
        """Puts a model into the catalog of a hive, as a finished download leaves it: a file, and a row. Contract 10.2.

        Args:
            reference: `hf:ORG/REPO`.
            hive: Name or object of the hive; it need not run any more, or not yet.
            size: Size of the model, such as `5000MB`.
            path: File of the model, which has to be there; default: one of this size is made.

        Returns:
            Number of the row.
        """
        provider, colon, name = reference.partition(":")
        if not colon or not name:
            raise UsageError(f"{reference!r} is no model reference: expected hf:ORG/REPO")
        file = path or self.create_model_file(Path(f"{name.replace('/', '--')}.gguf"), size=size)
        values = (file.name.removesuffix(".gguf"), provider, name, str(file), file.stat().st_size, int(self._context.coordinator.clock.wall()))
        return self._insert(str(hive), "models", ("id", "provider", "reference", "local_path", "size_bytes", "downloaded_at_unix"), values)

    @keyword
    @asserting(int, "the number")
    def get_catalog_count(self, hive: str | Daemon = "hive", *, provider: str | None = None, reference: str | None = None, check: Check) -> int:
        """Counts the models in the catalog of a hive, and checks the number if an operator is given.

        Args:
            hive: Name or object of a hive.
            provider: Only these, such as `hf`.
            reference: Only these, such as `TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF`.

        Returns:
            The number.
        """
        wanted = {key: value for key, value in (("provider", provider), ("reference", reference)) if value is not None}
        return self._context.verify(f"number of models in the catalog of {hive}", lambda: len(self._rows(str(hive), "models", wanted)), check)

    @keyword
    def add_hive_to_registry(
        self, node: str = "workstation", *, queen: str | Daemon = "queen", ssh_host: str | None = None, ssh_user: str = "vince", install_path: str = "~/rbee"
    ) -> int:
        """Puts a node into the registry of a queen, as a successful `setup add-node` leaves it. Contract 10.1.

        Args:
            node: Name of the node.
            queen: Name or object of the queen.
            ssh_host: Host of the node; default `<node>.home.arpa`.
            ssh_user: User at the node.
            install_path: Where rbee is installed there.

        Returns:
            Number of the row.
        """
        values = {
            "node_name": node,
            "ssh_host": ssh_host or f"{node}.home.arpa",
            "ssh_user": ssh_user,
            "git_repo_url": "https://github.com/user/llama-orch.git",
            "install_path": install_path,
            "last_connected_unix": int(self._context.coordinator.clock.wall()),
            "status": "reachable",
        }
        return self._insert(str(queen), "beehives", tuple(values), tuple(values.values()))

    @keyword
    def get_rows(self, name: str | Daemon, table: str, **where: Any) -> list[DotDict]:
        """Reads rows of the SQLite file of a queen (`beehives`) or a hive (`models`), by a read-only connection.

        Args:
            name: Name or object of a queen or hive; it need not run.
            table: `beehives` or `models`.
            where: Column and value, such as `node_name=workstation`; default: all rows.

        Returns:
            Rows in the order of insertion, each with its columns: `${rows}[0][status]` or `${rows[0].status}`.

        Raises:
            UsageError: there is no such file, table or column.
        """
        rows = self._rows(str(name), table, where)
        logger.info(f"{len(rows)} rows of {table} of {name}" + "".join(f"\n{dict(row)}" for row in rows[:20]))
        return rows

    def _rows(self, name: str, table: str, where: dict[str, Any]) -> list[DotDict]:
        path = self._path(name)
        if not Path(path).exists():
            raise UsageError(f"{name} has no file {path} yet: is provisioning off, or was it never started?")
        condition = " AND ".join(f'"{column}" IS ?' for column in where) or "1"
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_BUSY_LIMIT)) as connection:
                connection.row_factory = sqlite3.Row
                found = connection.execute(f'SELECT * FROM "{table}" WHERE {condition} ORDER BY rowid', tuple(where.values())).fetchall()
        except sqlite3.Error as error:
            raise UsageError(f"rows of {table} of {name} cannot be read: {error}") from None
        return [DotDict({key: row[key] for key in row.keys()}) for row in found]  # noqa: SIM118  a Row is no dictionary

    def _insert(self, name: str, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        path = self._path(name)
        marks = ", ".join("?" * len(values))
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=_BUSY_LIMIT)) as connection, connection:
                number = connection.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", values).lastrowid
        except sqlite3.Error as error:
            raise UsageError(f"{path} of {name} cannot be written: {error}; start {name} first, it makes the file") from None
        logger.info(f"{table} of {name} has {dict(zip(columns, values, strict=True))}")
        return number or 0

    def _path(self, name: str) -> str:
        path = self._context.stores.get(name)
        if path is None:
            raise UsageError(f"{name!r} has no SQLite file known here, expected one of {', '.join(self._context.stores) or 'a queen or a hive: start one'}")
        return path
