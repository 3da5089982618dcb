"""What a real hive needs in its place: the program of its workers beside it, a catalog with their models, and names for the workers that a test starts."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ...fleet.launch import module_command, private
from ...protocol.model.gguf import write_header
from ...protocol.model.model_reference import CATALOG_MODEL
from ...run import environment

_FAKE_WORKER = """\
#!/bin/sh
# Starts a fake worker below a real hive, under the name and with the options that the test has for it.
unset {unset}
here={folder}
if mv "$here/next" "$here/next-$$" 2>/dev/null; then . "$here/next-$$"; fi
export RBEE_WORKER_ARGS="$RBEE_WORKER_ARGS $MORE"
exec {command} "$@" --callback-url "$(cat "$here/callback")"
"""
_OF_THE_HIVE = (*environment.OF_ONE_PROCESS, "http_proxy", "HTTP_PROXY", "LD_PRELOAD")
_TABLE = """CREATE TABLE IF NOT EXISTS models (reference TEXT NOT NULL, provider TEXT NOT NULL, local_path TEXT NOT NULL, size_bytes INTEGER NOT NULL,
downloaded_at INTEGER NOT NULL, PRIMARY KEY (reference, provider))"""


class RealHive:
    """The surroundings of a real hive: its home, and the folder that it is started from.

    Args:
        home: an empty folder.
    """

    def __init__(self, home: Path):
        self.home = home
        self.database = home / ".rbee" / "models.db"
        self._bin = home / "bin"

    def install(self, program: str, worker: str | None) -> str:
        """Puts the hive into a folder of its own, with the program of its workers beside it, where it looks for one; returns its path there.

        Args:
            program: path of the hive.
            worker: path of a real worker; None = its workers are fakes.
        """
        self._bin.mkdir(mode=0o700, parents=True, exist_ok=True)
        installed = self._bin / Path(program).name
        installed.unlink(missing_ok=True)
        try:
            os.link(Path(program).resolve(), installed)  # a symbolic link would lead it back to its old folder
        except OSError:
            shutil.copy2(program, installed)
        beside = self._bin / "llm-worker-rbee"
        beside.unlink(missing_ok=True)
        if worker is not None:
            beside.symlink_to(Path(worker).resolve())
        else:
            command = shlex.join(module_command("RbeeLibrary.fakes.worker", []))
            beside.write_text(_FAKE_WORKER.format(unset=" ".join(_OF_THE_HIVE), folder=shlex.quote(str(self._bin)), command=command))
            beside.chmod(0o700)
        self.add_model(CATALOG_MODEL)
        return str(installed)

    def serves(self, url: str) -> None:
        """Tells fake workers where they call back to: the address that a real hive tells them is a fixed one."""
        (self._bin / "callback").write_text(f"{url}/v1/workers/ready")

    def next_worker(self, name: str, argv: list[str]) -> None:
        """Sets the name in the run, and further words, of the next worker that the hive starts."""
        waiting = self._bin / "next-written"
        waiting.write_text(f"export {environment.NAME}={shlex.quote(name)}\nMORE={shlex.quote(shlex.join(argv))}\n")
        waiting.rename(self._bin / "next")

    def no_next_worker(self) -> None:
        """Takes back what `next_worker` has set, if no worker has taken it."""
        (self._bin / "next").unlink(missing_ok=True)

    def add_model(self, reference: str) -> None:
        """Writes a model into the catalog, with a file, unless it is there: a real hive of the origin's time cannot download any."""
        provider, _, name = reference.partition(":")
        self.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(_TABLE)
            if connection.execute("SELECT 1 FROM models WHERE provider = ? AND reference = ?", [provider, name]).fetchone():
                return
            file = self.home / f"{name.replace('/', '--')}.gguf"
            with open(file, "wb", opener=private) as opened:
                opened.write(write_header())
            values = [name, provider, str(file), file.stat().st_size, int(time.time())]
            connection.execute("INSERT INTO models (reference, provider, local_path, size_bytes, downloaded_at) VALUES (?, ?, ?, ?, ?)", values)
