"""Colours of the timeline, and the legend that explains them."""

from __future__ import annotations

from collections.abc import Collection
from html import escape

STATES = {  # readable on the light and the dark background of the log
    "starting": "#7d7d7d",
    "loading": "#a8741a",
    "idle": "#3f8a4f",
    "busy": "#3b7dd8",
    "draining": "#9566c4",
    "frozen": "#23899b",
    "running": "#3f8a4f",
}
"""State of a process -> its colour."""
STYLE = (
    "<style>.rt{--g:var(--background-color,Canvas)}@media print{.rbee-timeline{color:#000}.rt{--g:#fff}.rt-scroll svg{max-width:100%;height:auto}}"
    ".rt-scroll{overflow-x:auto}.rt text{font:12px sans-serif;fill:currentColor;stroke:var(--g);stroke-width:3px;stroke-linejoin:round;paint-order:stroke}"
    ".rt .s{opacity:.85}.rt .l{stroke:currentColor;opacity:.25}.rt .w{fill:currentColor;opacity:.09}.rt .v{stroke:#d64545;stroke-width:1.5;fill:none}"
    ".rt .t{stroke:currentColor}.rt .a{stroke:currentColor;stroke-width:1;opacity:.55;fill:none}.rt .b{stroke:transparent;stroke-width:9;fill:none}"
    ".rt g:hover>.a{opacity:1;stroke-width:2.5}.rt .e{stroke:#d64545;opacity:1}"
    ".rt .p{opacity:.2}.rt .n{stroke-dasharray:3 2}.rt .q{fill:currentColor;opacity:.6}"
    ".rt .o{stroke:#9566c4;stroke-dasharray:2 3;stroke-width:2}"
    ".rt .j{stroke:#a8741a;stroke-dasharray:4 3}.rt .f{fill:#d64545;opacity:.14}.rt .x{fill:#d64545;stroke:#d64545;stroke-width:2}"
    ".rt .h{fill:#d64545;stroke:var(--g)}.rt .k{stroke:var(--g);stroke-width:1;fill:none}"
    ".rt-legend{font:12px sans-serif;margin:4px 0}.rt-legend span{margin-right:1.2em;white-space:nowrap}.rt-legend svg{vertical-align:-3px;margin-right:4px}"
    "</style>"
)
_LEGEND = (  # class of a mark -> its picture and its meaning
    ("a", '<path class="a" d="M1 13L15 3m-5 1l5-1l-2 5"/>', "request"),
    ("a e", '<path class="a e" d="M1 13L15 3m-5 1l5-1l-2 5"/>', "request that failed"),
    ("a e n", '<path class="a e n" d="M1 13L11 5m-3 -3l6 6m0 -6l-6 6"/>', "request that nobody received"),
    ("a p", '<path class="a p" d="M1 13L15 3m-5 1l5-1l-2 5"/>', "question of the library"),
    ("q", '<rect class="q" y="7" width="16" height="3"/>', "time until the answer was complete"),
    ("k", '<rect y="4" width="16" height="10" fill="#3b7dd8"/><path class="k" d="M4 4v8m4 -8v8m4 -8v8"/>', "tokens"),
    ("f", '<rect class="f" width="16" height="16"/>', "armed fault"),
    ("h", '<circle class="h" cx="8" cy="8" r="4.5"/>', "fault acts"),
    ("x s", '<path class="x" d="M8 13l-4 -8h8z"/>', "signal"),
    ("x", '<path class="x" d="M4 4l8 8m0 -8l-8 8"/>', "end of a process"),
    ("j", '<path class="j" d="M8 0V16"/>', "step of the run's clock"),
    ("o", '<path class="o" d="M8 0V16"/>', "network parted or healed"),
    ("w", '<rect class="w" width="16" height="16"/>', "nothing happens: folded"),
    ("v", '<path class="v" d="M8 0V16"/>', "the test failed"),
)


def legend(states: Collection[str], marks: Collection[str]) -> str:
    """What the colours and marks of a timeline mean, as HTML; only those that it has.

    Args:
        states: states of processes that are drawn.
        marks: classes of marks that are drawn.
    """
    bars = [
        f'<span><svg width="16" height="16"><rect y="3" width="16" height="10" rx="2" fill="{STATES.get(state, "#7d7d7d")}"/></svg>{escape(state)}</span>'
        for state in sorted(states)
    ]
    others = [f'<span><svg class="rt" width="16" height="16">{mark}</svg>{what}</span>' for kind, mark, what in _LEGEND if kind in marks]
    return f'<div class="rt-legend">{"".join([*bars, *others])}</div>'
