"""The trace page of a test: one HTML file that needs nothing else, to explore what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from .trace_events import Event, chrome_trace

_SCRIPTS = ("model.js", "lanes.js", "panels.js")


def trace_page(title: str, events: Sequence[Event], about: Mapping[str, Any]) -> str:
    """The page.

    Args:
        title: name of the test.
        events: Chrome trace events of the test.
        about: `status` and `message` of the test, `log`, a link to its log, and `links`, further ones as pairs of text and target.
    """
    parts = files(__package__).joinpath("page")
    trace = chrome_trace(events, about).replace("<", "\\u003c")  # so that no text can end the element that holds it
    return Template(parts.joinpath("trace.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=parts.joinpath("trace.css").read_text("utf-8"),
        script="\n".join(parts.joinpath(name).read_text("utf-8") for name in _SCRIPTS),
        trace=trace,
    )
