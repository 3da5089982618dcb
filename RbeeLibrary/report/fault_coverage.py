"""Coverage of faults: which kinds of faults have hit programs in which state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .fault_recipes import recipe

_INFERENCE = "/v1/inference"
STATES = ("starting", "loading", "idle", "busy", "draining")

_MOST_LINKS = 12
_STYLE = (
    ":root{color-scheme:light dark}body{font:14px sans-serif;margin:1.5em}table{border-collapse:collapse}"
    "th,td{border:1px solid #888;padding:3px 8px;text-align:left;vertical-align:top}thead th{position:sticky;top:0;background:Canvas}"
    ".hit{background:#2e7d32;color:#fff;print-color-adjust:exact}"
    ".hit a{color:#fff}.no{opacity:.6}pre{margin:0;font-size:12px;white-space:pre;user-select:all;overflow-x:auto;max-width:40vw}"
    "tbody th{position:sticky;left:0;background:Canvas}@media(max-width:700px){body{margin:.5em}th,td{padding:2px 3px;font-size:12px}}"
)


@dataclass(frozen=True)
class TestLink:
    """A test on the page: its name, and a link to it in the log, or an empty text."""

    __test__ = False

    name: str
    target: str


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
        self._hit_by: dict[tuple[str, str], list[TestLink]] = {}
        self.tests = 0

    def add(self, records: Iterable[dict[str, Any]], test: TestLink | None = None) -> None:
        """Counts the hits of a test.

        Args:
            records: journal records of all programs of the test, in order of time.
            test: for a link on the page.
        """
        self.tests += 1
        programs: dict[int, _ProgramState] = {}
        for record in records:
            program = programs.setdefault(record["pid"], _ProgramState())
            program.add(record)
            if record.get("record") == "fault":
                cell = program.state, str(record.get("kind"))
                self._hits[cell] = self._hits.get(cell, 0) + 1
                tests = self._hit_by.setdefault(cell, [])
                if test is not None and test not in tests:
                    tests.append(test)

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
        """One line in Robot Framework's markup, with a link to the full page.

        Args:
            page: link to the full page.
            alone: whether this is the only robot process of the run (no pabot).
        """
        scope = "" if alone else " of one robot process among those of pabot"
        return f"{len(self.reached)} of {len(self.possible)} cells ({self.share:.0f} %) in {self.tests} tests{scope}: [{page}|all cells]"

    def as_page(self) -> str:
        """The full table as an HTML page; a cell that was not reached has the body of a test that reaches it."""
        head = "".join(f"<th scope='col'>{state}</th>" for state in STATES)
        rows = "".join(f"<tr><th scope='row'>{kind}</th>{''.join(self._cell(state, kind) for state in STATES)}</tr>" for kind in self._kinds)
        return (
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>State x fault coverage</title><style>"
            f"{_STYLE}</style></head><body><h1>State x fault coverage</h1>"
            f"<p>{len(self.reached)} of {len(self.possible)} cells, {self.share:.0f} %, in {self.tests} tests. "
            "A number says how often the fault has hit a program in that state, and by which tests. "
            "What is folded in a cell that was not reached is the body of a test that reaches it, ready to be copied.</p>"
            f"<table><thead><tr><th scope='col'>fault</th>{head}</tr></thead><tbody>{rows}</tbody></table></body></html>"
        )

    def _cell(self, state: str, kind: str) -> str:
        if (state, kind) in self._hits:
            tests = self._hit_by[state, kind]
            links = "".join(f"<li>{_link(test)}</li>" for test in tests[:_MOST_LINKS])
            more = f"<li>and {len(tests) - _MOST_LINKS} more</li>" if len(tests) > _MOST_LINKS else ""
            listed = f"<details><summary>{self._hits[state, kind]}</summary><ul>{links}{more}</ul></details>" if tests else str(self._hits[state, kind])
            return f"<td class='hit'>{listed}</td>"
        if state not in self._kinds[kind]:
            return "<td class='no'>impossible</td>"
        return f"<td><details><summary>not reached</summary><pre>{escape(chr(10).join(recipe(state, kind)))}</pre></details></td>"


def _link(test: TestLink) -> str:
    return f"<a href='{escape(test.target)}'>{escape(test.name)}</a>" if test.target else escape(test.name)
