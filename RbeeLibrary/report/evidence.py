"""What a failed test shows once: all programs, and what they printed last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_CELL = 'style="padding:2px 8px"'


@dataclass(frozen=True)
class ProgramEvidence:
    """One program at the moment of the failure."""

    name: str
    role: str
    pid: int
    parent: str
    state: str
    exit_code: str
    port: str
    command: str
    output: str


def verdict(message: str, cause: str | None) -> str:
    """What failed, and why it probably did, in two lines.

    Args:
        message: the failure message.
        cause: one sentence, None if nothing stands out.
    """
    first = message.strip().splitlines()[0] if message.strip() else "the test failed"
    why = f"<p><b>Likely cause:</b> {escape(cause)}</p>" if cause else ""
    return f"<p><b>Failed:</b> {escape(first)}</p>{why}"


def evidence_table(keyword: str, programs: Sequence[ProgramEvidence]) -> str:
    """The programs as a table, their last output below, folded.

    Args:
        keyword: the failed keyword at which the picture was taken.
        programs: all programs of the test.
    """
    head = "".join(f"<th {_CELL}>{title}</th>" for title in ("program", "role", "pid", "parent", "state", "exit code", "port"))
    rows = "".join(
        "<tr>"
        + "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in (one.name, one.role, str(one.pid), one.parent, one.state, one.exit_code, one.port))
        + "</tr>"
        for one in programs
    )
    outputs = "".join(
        f"<details><summary>last output of {escape(one.name)}</summary><p><code>{escape(one.command)}</code></p>"
        f"<pre>{escape(one.output) or '(it printed nothing)'}</pre></details>"
        for one in programs
    )
    return (
        f"<p><b>The fleet when <i>{escape(keyword)}</i> failed</b></p>"
        f'<table border="1" style="border-collapse:collapse"><tr style="text-align:left">{head}</tr>{rows}</table>{outputs}'
    )
