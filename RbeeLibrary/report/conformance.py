"""How real programs fare in suites that were written for fakes: what holds, what differs, and what cannot be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from .page import page

HOLDS, DIFFERS, CANNOT_BE_JUDGED = "holds", "differs", "cannot be judged"
_TITLE = "Conformance of real programs"
KNOWN = "KNOWN"
"""Status of a test that failed, and is known to."""
_VERDICTS = {"PASS": HOLDS, "FAIL": DIFFERS, KNOWN: DIFFERS}
_COLOURS = {HOLDS: "light-dark(#2e7d32,#81c784)", DIFFERS: "light-dark(#c62828,#ff8a80)", CANNOT_BE_JUDGED: "light-dark(#666666,#b0b0b0)"}


@dataclass(frozen=True)
class ConformanceRow:
    """One test.

    Args:
        id: of the test in the log.
        suite: name of its suite.
        name: of the test.
        title: what it shows, from its documentation.
        scenarios: ids of its scenarios.
        status: PASS, FAIL, SKIP, or KNOWN for a difference that is known.
        message: why it failed or was skipped.
    """

    id: str
    suite: str
    name: str
    title: str
    scenarios: tuple[str, ...]
    status: str
    message: str

    @property
    def verdict(self) -> str:
        """Holds, differs, or cannot be judged."""
        return _VERDICTS.get(self.status, CANNOT_BE_JUDGED)


def summary(rows: list[ConformanceRow]) -> str:
    """The numbers of tests, and of scenarios: one holds if all its tests hold, and differs if one of them does."""
    tests = Counter(row.verdict for row in rows)
    by_scenario: dict[str, set[str]] = {}
    for row in rows:
        for scenario in row.scenarios:
            by_scenario.setdefault(scenario, set()).add(row.verdict)
    scenarios = Counter(DIFFERS if DIFFERS in seen else HOLDS if seen == {HOLDS} else CANNOT_BE_JUDGED for seen in by_scenario.values())
    known = sum(row.status == KNOWN for row in rows)
    return f"{_numbers(len(rows), 'tests', tests)}{f' (known differences: {known})' if known else ''}; {_numbers(len(by_scenario), 'scenarios', scenarios)}"


def _numbers(count: int, what: str, found: Counter[str]) -> str:
    return f"{count} {what}: {found[HOLDS]} hold, {found[DIFFERS]} differ, {found[CANNOT_BE_JUDGED]} cannot be judged"


def conformance_page(rows: list[ConformanceRow], programs: Mapping[str, str], log: str) -> str:
    """The page.

    Args:
        rows: a row for each test.
        programs: role -> path of the real program that was judged.
        log: link to the log.
    """
    judged = ", ".join(f"{role} {escape(path)}" for role, path in programs.items())
    head = "<tr><th>verdict</th><th>test</th><th>what it shows</th><th>scenarios</th><th>expected and seen, or why it cannot be judged</th></tr>"
    body = "".join(
        f"<tr><td style='color:{_COLOURS[row.verdict]}'>{row.verdict}{' (known)' if row.status == KNOWN else ''}</td>"
        f"<td><a href='{escape(log)}#{row.id}'>{escape(row.suite)}: {escape(row.name)}</a></td><td>{escape(row.title)}</td>"
        f"<td>{' '.join(row.scenarios)}</td><td><pre>{escape(row.message)}</pre></td></tr>"
        for row in rows
    )
    style = (
        "<style>table{border-collapse:collapse}th,td{border:1px solid #888;padding:3px 8px;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
        "th{position:sticky;top:0;background:Canvas}pre{margin:0}@media(max-width:700px){body{margin:.5em}th,td{padding:2px 3px;font-size:12px}}</style>"
    )
    return page(_TITLE, f"{style}<p>{judged}</p><p>{summary(rows)}</p><table>{head}{body}</table>")
