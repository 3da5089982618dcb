"""What programs print: files of the run, one for each stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from ...protocol.options import MASK
from ...run import environment
from ..run import Run

BOTH = ("stdout", "stderr")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Outputs:
    """Reads the output files of programs.

    Args:
        run: whose programs they are.
        secrets: returns texts that are never shown; a real program may print its key.
    """

    def __init__(self, run: Run, secrets: Callable[[], Iterable[str]]):
        self._run = run
        self._secrets = secrets

    def read(self, name: str, streams: tuple[str, ...] = BOTH) -> str:
        """What a program has printed so far, without colours, and with `***` for secrets.

        Args:
            name: of the program.
            streams: stdout, stderr or both, in this order.
        """
        return self.read_in(self.folder(name), name, streams)

    def read_in(self, folder: Path, name: str, streams: tuple[str, ...] = BOTH) -> str:
        """The same, of a program whose folder is known, also when it is long gone."""
        paths = [folder / f"{name}.{stream}" for stream in streams]
        text = _COLOURS.sub("", "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.exists()))
        for secret in filter(None, self._secrets()):
            text = text.replace(secret, MASK)
        return text

    def hide_secrets(self, name: str) -> None:
        """Replaces secrets in the files of a program that has ended by `***`."""
        for stream in BOTH:
            path = self.folder(name) / f"{name}.{stream}"
            text = path.read_bytes() if path.exists() else b""
            hidden = text
            for secret in filter(None, self._secrets()):
                hidden = hidden.replace(secret.encode(), MASK.encode())
            if hidden != text:
                path.write_bytes(hidden)

    def last_lines(self, name: str, count: int = 8) -> str:
        """The last lines that a program printed; an empty text if there are none."""
        return "\n".join(self.read(name).splitlines()[-count:])

    def folder(self, name: str) -> Path:
        """Folder of a program's output and journals: its own, or that of the hive that started it."""
        if not self._run.is_running:
            return Path()
        supervisor = self._run.supervisor
        process = supervisor.find(name)
        while process is not None and process.program is None:
            owner = next((other for other in supervisor.processes() if other.pid == process.ppid and other is not process), None)
            if owner is None:
                break
            process = owner
        if process is not None and process.program is not None:
            return Path(process.program.env.get(environment.OUTPUTS, self._run.outputs()))
        return Path(self._run.outputs())
