"""Listener of Robot Framework: writes which statements each test has run. Arguments: the copy of the project, the file to write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mutants.probes import Probes


class hit_listener:  # noqa: N801  (Robot Framework wants the module's name)
    """Takes the bytes at the end of each test. What a suite's setup runs counts for all its tests, and what runs before the first test for all tests of all
    suites: the library is imported once."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, copy: str, written: str):
        self._probes = Probes(Path(copy))
        self._written = Path(written)
        self._of_setup: dict[str, set[int]] = {}
        self._of_import: set[int] = set()

    def start_test(self, data: Any, result: Any) -> None:
        suite = str(data.source)
        if not self._of_setup:
            self._of_import = set(self._probes.hits())
        if suite not in self._of_setup:
            self._of_setup[suite] = set(self._probes.hits())
        self._probes.clear()

    def end_test(self, data: Any, result: Any) -> None:
        hits = self._of_import | self._of_setup[str(data.source)] | set(self._probes.hits())
        record = {"kind": "robot", "where": str(data.source), "name": data.name, "seconds": result.elapsed_time.total_seconds(), "status": result.status}
        with self._written.open("a") as file:
            file.write(json.dumps({**record, "hits": sorted(hits)}) + "\n")

    def end_suite(self, data: Any, result: Any) -> None:
        self._probes.clear()
