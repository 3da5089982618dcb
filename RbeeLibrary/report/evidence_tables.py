"""Tables in the log of a failed test: verdict, programs with their last output, last requests, faults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .cause import is_probe

_CELL = 'style="padding:2px 8px"'
_LAST_REQUESTS = 8
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
        nearest: the last event at a program that the message names, in one sentence.
        cause: the likely cause, in one sentence.
    """

    message: str
    nearest: str | None
    cause: str | None

    def as_text(self) -> str:
        """The failure message with up to two further lines: nearest event and likely cause."""
        nearest = self.nearest if "nearest were" not in self.message and self.nearest != self.cause else None
        more = [f"{name}: {text}" for name, text in (("nearest", nearest), ("likely cause", self.cause)) if text]
        return "\n".join([self.message, *more])

    def as_html(self) -> str:
        """The explanation as HTML, with expected and actual value in lines of their own."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else "the test failed"
        compared = _COMPARISON.fullmatch(first)
        lines = [("Failed", first)]
        if compared:
            lines += [("Expected", f"{compared['what']} {compared['expected']}"), ("There was", compared["there"])]
        lines += [("Nearest", self.nearest or ""), ("Likely cause", self.cause or "")]
        return "".join(f"<p><b>{title}:</b> {escape(text)}</p>" for title, text in lines if text)


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
    """Rows of the last requests before a failure, latest first: time, receiver, request, status, caller."""
    answered = {(record["pid"], record.get("n")): record for record in records if record.get("record") == "answered" and record["ns"] <= failed_at}
    received = [record for record in records if record.get("record") == "request_in" and record["ns"] <= failed_at and not is_probe(record)]
    return [
        [
            f"{(failed_at - record['ns']) / 1e6:.1f} ms before",
            record["name"],
            f"{record.get('method')} {record.get('path')}",
            str(answered.get((record["pid"], record.get("n")), {}).get("status", "none yet")),
            str(record.get("caller") or ""),
        ]
        for record in reversed(received[-_LAST_REQUESTS:])
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
        f"<pre>{escape(one.output) or '(it printed nothing)'}</pre></details>"
        for one in programs
    )
    return f"<p><b>The fleet when <i>{escape(keyword)}</i> failed</b></p>{_table(head, rows)}{outputs}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th {_CELL}>{escape(title)}</th>" for title in head)
    cells = "".join("<tr>" + "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table border="1" style="border-collapse:collapse"><tr style="text-align:left">{titles}</tr>{cells}</table>'
