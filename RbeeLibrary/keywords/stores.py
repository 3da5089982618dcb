"""The group Stores: the SQLite files of queen and hive, and model files."""

from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..errors import UsageError
from ..fleet.launch import private
from ..protocol.gguf import write_header
from ..protocol.units import ByteSize
from ..session.artifacts import private_folder
from ..session.assertions import Check
from ..session.session import Session
from ..session.types import Daemon, Quantization
from .option_arguments import asserting


class StoreKeywords:
    """The group Stores. Everything is read by a read-only connection of its own, and written as another program would write it."""

    def __init__(self, session: Session):
        self._session = session

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
        file = path if path.is_absolute() else self._session.run.scratch("files") / path
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
        values = {
            "id": file.name.removesuffix(".gguf"),
            "provider": provider,
            "reference": name,
            "local_path": str(file),
            "size_bytes": file.stat().st_size,
            "downloaded_at_unix": int(self._session.run.coordinator.clock.wall()),
        }
        return self._insert(str(hive), "models", values)

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
        return self._session.verify(f"number of models in the catalog of {hive}", lambda: len(self._session.stores.rows(str(hive), "models", wanted)), check)

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
            "last_connected_unix": int(self._session.run.coordinator.clock.wall()),
            "status": "reachable",
        }
        return self._insert(str(queen), "beehives", values)

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
        rows = [DotDict(row) for row in self._session.stores.rows(str(name), table, where)]
        logger.info(f"{len(rows)} rows of {table} of {name}" + "".join(f"\n{dict(row)}" for row in rows[:20]))
        return rows

    def _insert(self, name: str, table: str, values: dict[str, Any]) -> int:
        number = self._session.stores.insert(name, table, values)
        logger.info(f"{table} of {name} has {values}")
        return number
