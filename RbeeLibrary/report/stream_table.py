"""Table of the tokens of a stream for log.html."""

from __future__ import annotations

from html import escape

from .wording import counted

_MOST_ROWS = 2000


def stream_table(name: str, state: str, why: str, started: float, tokens: list[tuple[str, float]]) -> str:
    """HTML of a collapsed table with index, text, time since the request and gap of each token.

    Args:
        name: name of the inference.
        state: state of the inference.
        why: reason for a bad end, appended to the title.
        started: time at which the request was sent, in seconds.
        tokens: texts and arrival times in seconds.
    """
    rows, previous = [], started
    for index, (text, at) in enumerate(tokens[:_MOST_ROWS]):
        rows.append(
            f"<tr><td>{index}</td><td><code>{escape(repr(text))}</code></td><td>{(at - started) * 1000:.1f}</td><td>{(at - previous) * 1000:.1f}</td></tr>"
        )
        previous = at
    left = f"<p>{len(tokens) - _MOST_ROWS} more tokens are not shown.</p>" if len(tokens) > _MOST_ROWS else ""
    first = f", first after {(tokens[0][1] - started) * 1000:.1f} ms" if tokens else ""
    head = "<tr><th>token</th><th>text</th><th>ms since request</th><th>ms since last</th></tr>"
    return (
        f"<details><summary>{escape(name)}: {escape(state)}, {counted(len(tokens), 'token')}{first}{escape(why)}</summary>"
        f'<table border="1" cellpadding="4" style="border-collapse:collapse">{head}{"".join(rows)}</table>{left}</details>'
    )
