"""What OperatingSystem has no keywords for: modes, links, checksums, bytes, and SQLite."""

import hashlib
import os
import sqlite3
from pathlib import Path

from robot.api.deco import keyword, library


@library(scope="GLOBAL")
class file_tools:
    """Changes files, and says what is in them."""

    @keyword
    def get_sha256(self, path: Path) -> str:
        """Returns the SHA-256 of a file in hexadecimal."""
        return hashlib.sha256(path.read_bytes()).hexdigest()

    @keyword
    def get_file_mode(self, path: Path) -> str:
        """Returns the permissions of a file, such as `0755`."""
        return f"{path.stat().st_mode & 0o7777:04o}"

    @keyword
    def create_script(self, path: Path, *lines: str) -> None:
        """Writes a shell script that its owner can run."""
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o700)

    @keyword
    def create_link(self, path: Path, target: str) -> None:
        """Makes a symbolic link to the target."""
        path.symlink_to(target)

    @keyword
    def truncate_file(self, path: Path, size: int) -> None:
        """Cuts a file to this many bytes."""
        os.truncate(path, size)

    @keyword
    def overwrite_first_bytes(self, path: Path, text: str) -> None:
        """Writes text over the beginning of a file and leaves the rest."""
        with path.open("r+b") as file:
            file.write(text.encode())

    @keyword
    def change_database(self, path: Path, statement: str) -> None:
        """Runs one SQL statement in an SQLite file."""
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute(statement)
        finally:
            connection.close()
