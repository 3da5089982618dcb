"""Coverage of faults: which kinds of faults have hit programs in which state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ..faults.registry import KINDS

_INFERENCE = "/v1/inference"
STATES = ("starting", "loading", "idle", "busy", "draining")

_MOMENTS = {
    "starting": "before {start}",
    "loading": "after {start}    load_time=1h    until=loading",
    "idle": "while {program} is idle",
    "busy": "while {program} answers: Start Fleet    workers=1    token_delay=1s, Submit Inference    hello",
    "draining": "after Terminate    {program}    during an inference",
}
_PROGRAMS = {"worker": "worker-1", "hive": "hive", "queen": "queen", "hub": "hub"}
_STARTS = {"worker-1": "Start Worker", "hive": "Start Hive", "queen": "Start Queen", "hub": "Start Model Hub"}


class _ProgramState:
    """State of one program, from its records. A real program may tell no state: it is idle once its port accepts, and busy while it answers an inference."""

    def __init__(self) -> None:
        self._told = ""
        self._accepts = False
        self._inferences: set[int] = set()

    def add(self, record: dict[str, Any]) -> None:
        """Takes the next record of the program."""
        kind, number = record.get("record"), int(record.get("n", 0))
        if kind == "state":
            self._told = str(record.get("to"))
        elif kind == "bound":
            self._accepts = True
        elif kind == "request_in" and record.get("path") == _INFERENCE:
            self._inferences.add(number)
        elif kind == "request_end" or (kind == "answered" and record.get("status") != 200):
            self._inferences.discard(number)

    @property
    def state(self) -> str:
        """One of `STATES`; a program is starting until its port accepts."""
        if not self._accepts:
            return STATES[0]
        told = self._told or "idle"
        return "busy" if told == "idle" and self._inferences else told


class FaultCoverage:
    """Counter of fault hits by state of the program and kind of fault.

    Args:
        kinds: kind of fault -> states in which it can hit.
    """

    def __init__(self, kinds: Mapping[str, Sequence[str]]):
        self._kinds = kinds
        self._hits: dict[tuple[str, str], int] = {}
        self.tests = 0

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Counts the hits of a test.

        Args:
            records: journal records of all programs of the test, in order of time.
        """
        self.tests += 1
        programs: dict[int, _ProgramState] = {}
        for record in records:
            program = programs.setdefault(record["pid"], _ProgramState())
            program.add(record)
            if record.get("record") == "fault":
                cell = program.state, str(record.get("kind"))
                self._hits[cell] = self._hits.get(cell, 0) + 1

    @property
    def possible(self) -> list[tuple[str, str]]:
        """All cells (state, kind) that can be reached, and those that were reached nevertheless."""
        return [(state, kind) for kind, states in self._kinds.items() for state in STATES if state in states or (state, kind) in self._hits]

    @property
    def reached(self) -> list[tuple[str, str]]:
        """All cells that were reached."""
        return [cell for cell in self.possible if cell in self._hits]

    @property
    def share(self) -> float:
        """Reached share of the possible cells, in per cent."""
        return 100 * len(self.reached) / max(1, len(self.possible))

    def as_metadata(self, page: str, alone: bool) -> str:
        """A short table in Robot Framework's markup, with a link to the full page.

        Args:
            page: link to the full page.
            alone: whether this is the only robot process of the run (no pabot).
        """
        rows = ["| =State= | =Reached= | =Faults that were not tried there= |"]
        for state in STATES:
            kinds = [kind for where, kind in self.possible if where == state]
            missed = [kind for kind in kinds if (state, kind) not in self._hits]
            rows.append(f"| {state} | {len(kinds) - len(missed)} of {len(kinds)} | {', '.join(missed) or 'none'} |")
        scope = "" if alone else " This run is one of several that pabot started; the other ones have tables of their own."
        first = f"{len(self.reached)} of {len(self.possible)} cells ({self.share:.0f} %) in {self.tests} tests of one robot process.{scope} [{page}|All cells]"
        return "\n".join([first, "", *rows])

    def as_page(self) -> str:
        """The full table as an HTML page; an empty cell shows how to reach it."""
        head = "".join(f"<th>{state}</th>" for state in STATES)
        rows = "".join(f"<tr><th>{kind}</th>{''.join(self._cell(state, kind) for state in STATES)}</tr>" for kind in self._kinds)
        return (
            "<!DOCTYPE html><html><head><meta charset='utf-8'><title>State x fault coverage</title><style>"
            ":root{color-scheme:light dark}body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
            "th,td{border:1px solid #888;padding:3px 8px;text-align:left;vertical-align:top}"
            ".hit{background:#2e7d32;color:#fff}.no{opacity:.5}code{font-size:12px}"
            "</style></head><body><h1>State x fault coverage</h1>"
            f"<p>{len(self.reached)} of {len(self.possible)} cells, {self.share:.0f} %, in {self.tests} tests. "
            "The line in an empty cell arms the fault; it hits when the program receives a request, streams, calls back or ends in that state.</p>"
            f"<table><tr><th>fault</th>{head}</tr>{rows}</table></body></html>"
        )

    def _cell(self, state: str, kind: str) -> str:
        if (state, kind) in self._hits:
            return f"<td class='hit'>{self._hits[state, kind]}</td>"
        if state not in self._kinds[kind]:
            return "<td class='no'>cannot be</td>"
        return f"<td><code>{escape(how_to_reach(state, kind))}</code></td>"


def how_to_reach(state: str, kind: str) -> str:
    """The keyword call that reaches a cell, with a comment on when to call it."""
    program = _PROGRAMS[KINDS[kind].roles[0]]
    moment = _MOMENTS[state].format(program=program, start=_STARTS[program])
    return f"Inject Fault    {program}    {kind.replace('-', ' ')}    # {moment}"
