"""The group Stores: SQLite files of queen and hive, and model files."""

from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.utils import DotDict

from ..errors import UsageError
from ..fleet.launch import private
from ..protocol.model.gguf import write_header
from ..protocol.units import ByteSize
from ..session.artifacts import private_folder
from ..session.assertions import Check
from ..session.programs.store_files import node_row
from ..session.session import Session
from ..session.types import Daemon, Quantization
from .argument_types import Count, Default, SizeText
from .option_arguments import asserting

_SIZE: Any = Default("5MB")
_VOCABULARY: Any = Default(32000)
_EOS: Any = Default(2)


class StoreKeywords:
    """Keywords of the group Stores. They access the files over connections of their own, read-only where they read."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def create_model_file(
        self,
        path: Path,
        *,
        size: SizeText = _SIZE,
        quantization: Quantization = Quantization.Q4_K_M,
        vocab_size: Count = _VOCABULARY,
        eos_token_id: Count = _EOS,
        architecture: str = "llama",
    ) -> Path:
        """Creates a model file: a sparse file of any size with a valid GGUF header and no tensors. Contract 6.7.

        Args:
            path: Path of the file; a relative path is below the scratch folder of the test, which is deleted with the test.
            size: Size of the file, such as `669MB`.
            quantization: Quantization in the header.
            vocab_size: Vocabulary size in the header.
            eos_token_id: End-of-sequence token id in the header.
            architecture: Architecture in the header.

        Returns:
            The absolute path.
        """
        header = write_header(architecture=architecture, vocab_size=vocab_size, eos_token_id=eos_token_id, quantization=quantization.value)
        file = self._model_file(path, size, header)
        logger.info(f"{file} has {file.stat().st_size} bytes, {quantization.value}")
        return file

    @keyword
    def add_model_to_catalog(self, reference: str, *, hive: str | Daemon = "hive", size: SizeText = _SIZE, path: Path | None = None) -> int:
        """Adds a model to the catalog of a hive, like a finished download: a file and a row. Contract 10.2.

        Args:
            reference: Model reference, `hf:ORG/REPO`.
            hive: Name or object of the hive, which need not be running.
            size: Size of the model, such as `5000MB`.
            path: Existing model file; default: a file of this size is created.

        Returns:
            Id of the row.
        """
        provider, colon, name = reference.partition(":")
        if not colon or not name:
            raise UsageError(f"{reference!r} is no model reference: expected hf:ORG/REPO")
        file = path or self._model_file(Path(f"{name.replace('/', '--')}.gguf"), size, write_header())
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
    @asserting(int, "number")
    def get_catalog_count(self, hive: str | Daemon = "hive", *, provider: str | None = None, reference: str | None = None, check: Check) -> int:
        """Counts the models in the catalog of a hive, and checks the number if an operator is given.

        Args:
            hive: Name or object of a hive.
            provider: Only models of this provider, such as `hf`.
            reference: Only models with this reference, such as `TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF`; with or without the provider before it.

        Returns:
            The number.
        """
        if reference is not None and ":" in reference:
            given, _, reference = reference.partition(":")
            if provider not in (None, given):
                raise UsageError(f"reference={given}:{reference} is not of provider={provider}")
            provider = given
        wanted = {key: value for key, value in (("provider", provider), ("reference", reference)) if value is not None}
        return self._session.verify(f"number of models in the catalog of {hive}", lambda: len(self._session.stores.rows(str(hive), "models", wanted)), check)

    @keyword
    def add_hive_to_registry(
        self, node: str = "workstation", *, queen: str | Daemon = "queen", ssh_host: str | None = None, ssh_user: str = "vince", install_path: str = "~/rbee"
    ) -> int:
        """Adds a node to the registry of a queen, like a successful `setup add-node`. Contract 10.1.

        Args:
            node: Name of the node.
            queen: Name or object of the queen.
            ssh_host: Host name of the node; default: `<node>.home.arpa`.
            ssh_user: User name on the node.
            install_path: Installation folder on the node.

        Returns:
            Id of the row.
        """
        now = self._session.run.coordinator.clock.wall()
        values = node_row(node, now, ssh_host=ssh_host, ssh_user=ssh_user, install_path=install_path)
        return self._insert(str(queen), "beehives", values)

    @keyword
    def get_rows(self, name: str | Daemon, table: str, **where: Any) -> list[DotDict]:
        """Reads rows from the SQLite file of a queen (`beehives`) or a hive (`models`), over a read-only connection.

        Args:
            name: Name or object of a queen or hive, which need not be running.
            table: `beehives` or `models`.
            where: Only rows with these values, such as `node_name=workstation`.

        Returns:
            Rows in order of insertion, with their columns as in `${rows}[0][status]` or `${rows[0].status}`.

        Raises:
            UsageError: the file, table or column does not exist.
        """
        rows = [DotDict(row) for row in self._session.stores.rows(str(name), table, where)]
        logger.info(f"{len(rows)} rows of {table} of {name}" + "".join(f"\n{dict(row)}" for row in rows[:20]))
        return rows

    def _model_file(self, path: Path, size: str, header: bytes) -> Path:
        file = path if path.is_absolute() else self._session.run.scratch("files") / path
        private_folder(file.parent)
        with open(file, "wb", opener=private) as opened:
            opened.write(header)
            opened.truncate(max(opened.tell(), int(ByteSize.parse(size))))
        return file

    def _insert(self, name: str, table: str, values: dict[str, Any]) -> int:
        number = self._session.stores.insert(name, table, values)
        logger.info(f"{table} of {name} has {values}")
        return number
