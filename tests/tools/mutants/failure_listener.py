"""Listener of Robot Framework: writes the first failed test and its message. Argument: the file to write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class failure_listener:  # noqa: N801  (Robot Framework wants the module's name)
    """Writes a line for each failed test."""

    ROBOT_LISTENER_API_VERSION = 3
    ROBOT_LISTENER_PRIORITY = -1000  # after the library, which adds the likely cause to the message

    def __init__(self, written: str):
        self._written = Path(written)

    def end_test(self, data: Any, result: Any) -> None:
        if result.failed and "exit-on-failure mode" not in result.message:  # that one was not run
            with self._written.open("a") as file:
                file.write(json.dumps([f"{data.source}::{data.name}", result.message]) + "\n")
