"""Links between the log of a test and the files in its folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from robot.libraries.BuiltIn import BuiltIn

from ..report.trace.keyword_span import KeywordSpan
from ..session.judging.test_trace import files_of


def log_link(folder: Path, test_id: str) -> str:
    """Link from a folder to a test in the log; an empty text for a run without a log.

    Args:
        folder: of the test.
        test_id: such as `s1-t2`.
    """
    log = str(BuiltIn().get_variable_value("${LOG FILE}", "NONE"))
    return f"{quote(os.path.relpath(log, folder))}#{test_id}" if log != "NONE" else ""


def links_of(page: Path) -> str:
    """HTML with links to the trace page, and to the other files of its folder.

    Args:
        page: of the test.
    """
    base = _to(page.parent)
    listed = " ".join(f'<a href="{base}/{quote(name)}">{escape(name)}</a>' for name in files_of(page.parent))
    return (
        f'<p><b><a href="{base}/{quote(page.name)}#failure">Explore the trace</a></b> <a href="{base}/">folder of the test</a></p>'
        f"<details><summary>journals and outputs</summary><p>{listed}</p></details>"
    )


def keywords_table(page: Path, keywords: Sequence[KeywordSpan]) -> str:
    """HTML of a collapsed list of the keywords of a test, each with links to itself in the log and to its moment in the trace.

    Args:
        page: trace page of the test.
        keywords: that it called.
    """
    target = f"{_to(page.parent)}/{quote(page.name)}"
    items = "".join(
        f'<li><a href="#{one.id}">{escape(one.name)}</a> {one.status}, {(one.ended - one.began) / 1e6:.1f} ms: '
        f'<a href="{target}#kw={one.id}">moment in the trace</a></li>'
        for one in keywords
        if one.depth == 1
    )
    return f"<details><summary>keywords in the trace</summary><ol>{items}</ol></details>" if items else ""


def _to(folder: Path) -> str:
    log = str(BuiltIn().get_variable_value("${LOG FILE}", "NONE"))
    start = os.path.dirname(log) if log != "NONE" else str(BuiltIn().get_variable_value("${OUTPUT DIR}", "."))
    return quote(os.path.relpath(folder, start or "."))
