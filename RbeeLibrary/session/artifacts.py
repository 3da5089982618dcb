"""Files and folders that only their owner can read, and the folder of a run among those of other runs."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import shutil
from pathlib import Path

from ..errors import NoRun
from ..fleet import kernel
from ..fleet.launch import private

_CLAIM = "robot.pid"
_SCENE = re.compile(r"\d{3,}-")


class ArtifactFolder:
    """The folder of a run. It belongs to one living session: another one, of this process or not, gets a folder beside it.

    What an earlier run has left there is cleared, and nothing else.

    Args:
        wanted: its path; `-2`, `-3` and so on are appended while somebody else has it.

    Raises:
        NoRun: nothing can be written there.
    """

    def __init__(self, wanted: Path):
        try:
            for number in itertools.count(1):
                self.path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                if _claim(self.path / _CLAIM):
                    break
            for old in self.path.iterdir():
                if old.is_dir() and _SCENE.match(old.name):
                    shutil.rmtree(old, ignore_errors=True)
            (self.path / "nursery.log").unlink(missing_ok=True)
        except OSError as error:
            raise not_writable(self.path, error) from None

    def release(self) -> None:
        """Gives the folder free; its content stays."""
        with contextlib.suppress(OSError):
            if (self.path / _CLAIM).read_text() == _own_mark():
                (self.path / _CLAIM).unlink()


def _claim(path: Path) -> bool:
    """Claims a folder; False if a living process has it. Pids come again, so the start of the process counts as well."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)  # for the moment of looking and writing
        pid, _, mark = os.read(fd, 100).decode("ascii", "replace").partition(" ")
        if pid.isdigit() and mark and kernel.start_mark(int(pid)) == mark:
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, _own_mark().encode(), 0)
        return True
    finally:
        os.close(fd)


def _own_mark() -> str:
    return f"{os.getpid()} {kernel.start_mark(os.getpid())}"


def not_writable(folder: Path, error: Exception) -> NoRun:
    """The error for an artifact folder that cannot be used, with what to do about it."""
    return NoRun(
        f"{folder}, the folder for the output and journals of the programs, cannot be written to: {error}. "
        "Expected is a folder of yours with some room; give another output folder (robot -d), or another one for this (artifacts= of the import)"
    )


def private_folder(path: Path) -> Path:
    """Makes a folder and its missing parents, readable by their owner only."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, from its first moment on."""
    with open(path, "w", encoding="utf-8", opener=private) as file:
        file.write(text)
