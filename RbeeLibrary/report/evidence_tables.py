"""Tables in the log of a failed test: verdict, programs with their last output, last requests, faults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Any

from .trace.request_links import RequestLinks
from .wording import is_probe

_WRAPPED = 'style="white-space:pre-wrap;overflow-wrap:anywhere"'
_CELL = 'style="padding:2px 8px"'
_LAST_REQUESTS = 8
_LONG_TEXT = 20
"""Characters from which on a difference is hard to see."""
_TOO_LONG = 5000
_AROUND = 40
"""Characters of equal text that are shown beside a difference."""
_COMPARISON = re.compile(r"(?P<what>.+?) (?P<there>is .+?)(?: \([^)]*\))?(?:, which is final)?, expected (?P<expected>.+?)(?: \(after [^)]*\))?(?:; .*)?")


@dataclass(frozen=True)
class ProgramEvidence:
    """State of a program at the time of the failure, as texts for the table."""

    name: str
    role: str
    pid: int
    parent: str
    state: str
    exit_code: str
    port: str
    command: str
    output: str


@dataclass(frozen=True)
class Verdict:
    """Explanation of a failure.

    Args:
        message: failure message.
        nearest: the last event at a program that the message names, in one sentence; None where the cause is known.
        cause: the likely cause, in one sentence.
    """

    message: str
    nearest: str | None
    cause: str | None

    def as_text(self) -> str:
        """The failure message with up to two further lines: nearest event and likely cause."""
        nearest = self.nearest if "nearest were" not in self.message else None
        more = [f"{name}: {text}" for name, text in (("nearest", nearest), ("likely cause", self.cause)) if text]
        return "\n".join([self.message, *more])

    def as_html(self) -> str:
        """The explanation as HTML, with expected and actual value in lines of their own, and long texts with their differences marked."""
        lines = [line for line in self.message.strip().splitlines() if line] or ["the test failed"]
        compared = next(filter(None, map(_COMPARISON.fullmatch, lines)), None)
        shown = [("Failed", "<br>".join(map(escape, lines)))]
        if compared:
            shown += [("Expected", escape(f"{compared['what']} {compared['expected']}")), ("There was", escape(compared["there"].removeprefix("is ")))]
            shown.append(("Difference", difference(compared["there"].removeprefix("is "), compared["expected"].removeprefix("== "))))
        shown += [("Nearest", escape(self.nearest or "")), ("Likely cause", escape(self.cause or ""))]
        return "".join(f'<p style="overflow-wrap:anywhere"><b>{title}:</b> {html}</p>' for title, html in shown if html)


def difference(there: str, expected: str) -> str:
    """HTML of the difference between two long texts: what is too much is struck out, what is missing is underlined. Empty for short texts and equal ones.

    Args:
        there: text that was found.
        expected: text that was expected.
    """
    if min(len(there), len(expected)) < _LONG_TEXT or there == expected or max(len(there), len(expected)) > _TOO_LONG:
        return ""
    parts = []
    for kind, a, b, c, d in SequenceMatcher(None, there, expected, autojunk=False).get_opcodes():
        if kind == "equal":
            same = there[a:b]
            parts.append(escape(same if len(same) <= 2 * _AROUND else f"{same[:_AROUND]} ... {same[-_AROUND:]}"))
        else:
            parts.append(f"<del>{escape(there[a:b])}</del>" if b > a else "")
            parts.append(f"<ins>{escape(expected[c:d])}</ins>" if d > c else "")
    return f"<code>{''.join(parts)}</code> (struck out: there, but not expected; underlined: expected, but not there)"


def folded_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML of a collapsed table; an empty text if there are no rows.

    Args:
        title: title of the table.
        head: titles of the columns.
        rows: texts of the cells.
    """
    if not rows:
        return ""
    return f"<details><summary>{escape(title)}</summary>{_table(head, rows)}</details>"


def last_requests(records: Sequence[dict[str, Any]], failed_at: int) -> list[list[str]]:
    """Rows of the last requests before a failure, latest first: time, receiver, request, status, sender; also of those that nobody has received."""
    links = RequestLinks([record for record in records if record["ns"] <= failed_at])
    received = [(record, str((links.answer(record) or {}).get("status", "none yet")), record["name"]) for record in links.received if not is_probe(record)]
    lost = [(record, f"no answer: {reply['failure']}", str(record.get("target"))) for record, reply in links.lost()]
    latest = sorted([*received, *lost], key=lambda row: -int(row[0]["ns"]))[:_LAST_REQUESTS]
    return [
        [
            f"{(failed_at - record['ns']) / 1e6:.1f} ms before",
            receiver,
            f"{record.get('method')} {record.get('path')}",
            status,
            str(record.get("caller") or (record["name"] if record["record"] == "request_out" else "")),
        ]
        for record, status, receiver in latest
    ]


def faults_and_hits(records: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Rows of the faults that were armed: program, fault, hits."""
    hits: dict[tuple[str, str], int] = {}
    for record in records:
        if record.get("record") == "fault":
            key = (record["name"], str(record.get("fault")))
            hits[key] = hits.get(key, 0) + 1
    armed = {(record["name"], str(record.get("fault"))): str(record.get("spec")) for record in records if record.get("record") == "fault_armed"}
    return [[name, spec, str(hits.get((name, fault), 0))] for (name, fault), spec in armed.items()]


def evidence_table(keyword: str, programs: Sequence[ProgramEvidence]) -> str:
    """HTML of a table of programs, followed by their collapsed last output.

    Args:
        keyword: the failed keyword at which the states were collected.
        programs: all programs of the test.
    """
    head = ("program", "role", "pid", "parent", "state", "exit code", "port")
    rows = [(one.name, one.role, str(one.pid), one.parent, one.state, one.exit_code, one.port) for one in programs]
    outputs = "".join(
        f"<details><summary>last output of {escape(one.name)}</summary><p><code>{escape(one.command)}</code></p>"
        f"<pre {_WRAPPED}>{escape(one.output) or '(it printed nothing)'}</pre></details>"
        for one in programs
    )
    return f"<p><b>The fleet when <i>{escape(keyword)}</i> failed</b></p>{_table(head, rows)}{outputs}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th {_CELL}>{escape(title)}</th>" for title in head)
    cells = "".join("<tr>" + "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table border="1" style="border-collapse:collapse"><tr style="text-align:left">{titles}</tr>{cells}</table>'
