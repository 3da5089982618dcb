"""Files and folders that only their owner can read, and the folder of a run among those of other runs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ..errors import NoRun
from ..fleet.launch import private

_CLAIM = "robot.pid"
_SCENE = re.compile(r"\d{3,}-")


def claim_folder(wanted: Path) -> Path:
    """Makes a folder for this run and clears what an earlier run has left there, and nothing else.

    A second library of the same robot process gets a folder beside it.

    Raises:
        NoRun: nothing can be written there.
    """
    folder, number = wanted, 1
    try:
        while (folder / _CLAIM).exists() and (folder / _CLAIM).read_text() == str(os.getpid()):
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.iterdir():
            if old.is_dir() and _SCENE.match(old.name):
                shutil.rmtree(old, ignore_errors=True)
        (folder / "nursery.log").unlink(missing_ok=True)
        write_private(folder / _CLAIM, str(os.getpid()))
    except OSError as error:
        raise not_writable(folder, error) from None
    return folder


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
