"""Reads the journals of a session's programs: what was received, in which order, and what happened."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..journal.reader import RequestRecord, WantedRequest, entries, first_stamp, requests
from ..report.history import open_ends
from ..run.exit_status import ExitStatus
from .assertions import repeat_until
from .programs.outputs import Outputs
from .programs.programs import Programs
from .run import OWN_JOURNAL, Run
from .types import Mark

_REPORT_LIMIT = 1.0


class Gaps(list[timedelta]):
    """Times between requests; equal to others within a tolerance."""

    def __init__(self, values: list[timedelta], tolerance: timedelta):
        super().__init__(values)
        self._tolerance = tolerance

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, list) and len(other) == len(self) and all(abs(mine - theirs) <= self._tolerance for mine, theirs in zip(self, other, strict=True))
        )

    def __ne__(self, other: object) -> bool:
        return not self == other


class Journals:
    """Reads the files that the programs write; asks no program.

    Args:
        run: whose programs they are.
        programs: finds them by name.
        outputs: knows the folders of their files.
    """

    def __init__(self, run: Run, programs: Programs, outputs: Outputs):
        self._run = run
        self._programs = programs
        self._outputs = outputs

    def paths(self, name: str) -> list[Path]:
        """Journals of all processes that had a name, oldest first."""
        found = self._outputs.folder(name).glob(f"{name}-*.jsonl")
        return sorted((path for path in found if path.stem[len(name) + 1 :].isdigit()), key=first_stamp)

    def last_state(self, name: str, pid: int, before: int | None = None) -> str:
        """The state that a process recorded last; an empty text if it has recorded none.

        Args:
            name: of the program.
            pid: of the process.
            before: only until this moment, monotonic nanoseconds.
        """
        path = self._outputs.folder(name) / f"{name}-{pid}.jsonl"
        states = [entry["to"] for entry in entries(path, tokens=False) if entry.get("record") == "state" and (before is None or entry["ns"] < before)]
        return str(states[-1]) if states else ""

    # --- requests ---

    def requests(self, wanted: WantedRequest, since: Mark | None = None) -> list[RequestRecord]:
        """Requests that a program has received, in order of their arrival.

        Args:
            wanted: which ones.
            since: only those after this mark.
        """
        return [record for record in self._requests(wanted.program, since) if wanted.fits(record)]

    def all_requests(self, since: Mark | None = None) -> list[RequestRecord]:
        """Requests that any program has received, in order of their arrival."""
        names = {process.name for process in self._run.supervisor.processes()}
        return sorted((record for name in names for record in self._requests(name, since)), key=lambda record: record.ns)

    def _requests(self, name: str, since: Mark | None) -> list[RequestRecord]:
        return [record for record in requests(name, self.paths(name)) if since is None or record.ns >= since.ns]

    # --- records of any kind ---

    def records(
        self, names: list[str] | None = None, kinds: Sequence[str] = (), since: Mark | None = None, *, tokens: bool = True, **fields: Any
    ) -> list[dict[str, Any]]:
        """Journal records in order of time.

        Args:
            names: of programs, `library` for the session itself; None = all.
            kinds: only these kinds; empty = all.
            since: only those after this mark.
            tokens: whether token records are read as well.
            fields: only records with these values.

        Returns:
            Records, each with the `name` of its program.
        """
        if names is None:
            names = [*{process.name for process in self._run.supervisor.processes()}, OWN_JOURNAL]
        found = [
            {**entry, "name": one}
            for one in names
            for path in self.paths(one)
            for entry in entries(path, tokens=tokens)
            if (not kinds or entry.get("record") in kinds)
            and (since is None or entry["ns"] >= since.ns)
            and all(key in entry and _same(entry[key], value) for key, value in fields.items())
        ]
        return sorted(found, key=lambda entry: entry["ns"])

    def settled(self, since: Mark | None = None, *, tokens: bool = True) -> list[dict[str, Any]]:
        """All records, with the ends that no program reports: of what the session started, and of what outlived its parent.

        A killed process is gone at once, but its parent reports the end a moment later: up to 1 s is waited for that.
        """

        def look() -> tuple[list[dict[str, Any]], bool]:
            ends = self._ends(since)  # first: what a program reports is in its journal before anybody hears of it
            read = self.records(None, (), since, tokens=tokens)
            reported = {record.get("child") for record in read if record.get("record") == "process_exited"}
            records = sorted([*read, *(end for end in ends if end["child"] not in reported)], key=lambda record: record["ns"])
            return records, not any(map(self._may_be_reported, open_ends(records)))

        return repeat_until(look, lambda seen: seen[1], _REPORT_LIMIT, self._run.supervisor.await_news)[0]

    def _may_be_reported(self, name: str) -> bool:
        """Whether somebody is there to report an end: a frozen hive reports nothing."""
        process = self._programs.process_or_none(name)
        owner = next((one for one in self._run.supervisor.processes() if process is not None and one.pid == process.ppid), None)
        return owner is None or not (owner.alive and owner.frozen)

    def _ends(self, since: Mark | None) -> list[dict[str, Any]]:
        return [
            {
                "record": "process_exited",
                "name": OWN_JOURNAL,
                "pid": os.getpid(),
                "role": process.name,
                "child": process.pid,
                "ns": int(process.ended * 1e9),
                **ExitStatus(process.exit_code).as_fields(),
            }
            for process in self._run.supervisor.processes()
            if process.ended is not None and process.exit_code is not None
            if since is None or process.ended * 1e9 >= since.ns
        ]

    def mark(self) -> Mark:
        """A mark of this moment."""
        return Mark(time.monotonic_ns())


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) or str(value) == str(wanted)
