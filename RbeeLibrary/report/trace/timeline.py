"""The timeline of a test: an SVG picture of all its processes, without scripts or external files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..history import groups_of
from ..wording import counted, is_probe
from .keyword_span import KeywordSpan
from .process_spans import ProcessSpan, StateBar, in_lane_order, state_bars
from .request_links import RequestLinks
from .time_axis import TimeAxis
from .timeline_style import STATES, STYLE, legend

_WIDTH, _RIGHT = 1100, 14
_LABELS = 110
"""Least width of the column of names; it grows with the longest one."""
_LANE, _TOP, _BAR = 46, 36, 8
_ABOVE, _BESIDE, _BELOW = -_BAR - 3, 4, _BAR + 13  # baselines of the label rows of a lane, relative to its middle
_MARKS = 12  # baseline of the row of labels above the axis
_LETTER = 8  # mean width of capitals, the widest labels
_MOST_ARROWS = 250
_LATEST = 100
"""Requests at the end of a test, next to its failure, that are drawn in any case."""
_VISIBLE = 4.0
"""Pixels from which on the duration of an answer can be seen."""
_QUIET = ("starting", "idle", "running")  # drawn as thin bars, so that other states stand out
_ROUTINE = ("/v1/health", "/health", "/v1/status", "/v1/ready", "/v1/workers/list")


@dataclass(frozen=True)
class TestSpan:
    """What is drawn of a test, in monotonic nanoseconds.

    Args:
        began: when it started.
        ended: when it ended.
        failed: when it failed; None if it did not.
        keywords: that it called.
    """

    __test__ = False

    began: int
    ended: int
    failed: int | None = None
    keywords: Sequence[KeywordSpan] = ()


@dataclass(frozen=True)
class _Label:
    rank: int  # labels of lower rank are placed first
    text: str
    places: Sequence[tuple[float, float, str]]  # possible places as (x, baseline, anchor), best first


def timeline(spans: Sequence[ProcessSpan], records: Sequence[dict[str, Any]], test: TestSpan, *, is_open: bool) -> str:
    """The timeline as collapsible HTML.

    Args:
        spans: all processes of the test.
        records: journal records of all programs and of the library, in order of time; each has the `name` of its program.
        test: whose timeline it is.
        is_open: whether it is expanded at first.
    """
    drawing = _Drawing(spans, records, test)
    picture = drawing.picture()
    tokens = sum(1 for record in records if record.get("record") == "token")
    requests = sum(1 for record in records if record.get("record") == "request_in")
    summary = f"Timeline: {counted(len(spans), 'process')}, {counted(requests, 'request')}, {counted(tokens, 'token')}, {drawing.length / 1e9:.2f} s"
    if drawing.late >= 5_000_000:
        summary += f"; 0 s is {drawing.late / 1e9:.2f} s after the start of the test"
    return f"<details class='rbee-timeline'{' open' if is_open else ''}><summary>{summary}</summary>{picture}</details>"


class _Drawing:
    def __init__(self, spans: Sequence[ProcessSpan], records: Sequence[dict[str, Any]], test: TestSpan):
        self._records = records
        self._test = test
        self._spans = in_lane_order(spans, records)
        first = min([*(span.began for span in self._spans), *(record["ns"] for record in records)], default=test.began)
        self._began = max(test.began, first - 2_000_000)  # skip the empty time before the first process
        self._ended = max(test.ended, self._began + 1_000_000)
        self.length = self._ended - self._began
        self.late = self._began - test.began
        names = ["test", *dict.fromkeys(span.name for span in self._spans)]
        self._lanes = {name: number for number, name in enumerate(names)}
        self._left = round(max(_LABELS, _LETTER * max(map(len, names)) + 12))
        self._axis = TimeAxis(self._began, self._ended, self._moments(), self._left, _WIDTH - _RIGHT)
        self._x = self._axis.x
        self._parts: list[str] = []
        self._labels: list[_Label] = []
        self._taken: dict[float, list[tuple[float, float]]] = {}
        self._drawn: set[str] = set()
        self._states: set[str] = set()

    def _moments(self) -> list[int]:
        """When something happened; questions of the library, which repeat until it is tired of waiting, are nothing."""
        probes = {(r["pid"], r.get("n")) for r in self._records if r.get("record") == "request_in" and is_probe(r)}
        ends = ("request_in", "answered", "request_end")
        moments = [r["ns"] for r in self._records if not (r.get("record") in ends and (r["pid"], r.get("n")) in probes)]
        lives = [moment for span in self._spans for moment in (span.began, span.ended) if moment is not None]
        return [*moments, *lives, *([self._test.failed] if self._test.failed else [])]

    def picture(self) -> str:
        height = _TOP + _LANE * len(self._lanes) + 8
        self._grid(height)
        for name in self._lanes:
            self._lane(name)
        self._faults()
        for span in self._spans:
            self._life(span)
        self._keywords()
        self._answers()
        self._tokens()
        left_out = self._arrows()
        self._marks()
        self._write_labels()
        note = f'<text class="s" x="{self._left}" y="{height + 10}">{left_out} requests are not drawn</text>' if left_out else ""
        height += 16 if left_out else 0
        return (
            f'<div class="rt-scroll"><svg class="rt" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
            f'role="img" aria-label="timeline">{STYLE}{"".join(self._parts)}{note}</svg></div>{legend(self._states, self._drawn)}'
        )

    # --- positions ---

    def _y(self, name: str) -> int:
        return _TOP + _LANE * self._lanes[name] + _LANE // 2

    def _when(self, ns: int) -> str:
        return f"at {(ns - self._began) / 1e9:.3f} s"

    def _grid(self, height: int) -> None:
        for x, text in self._axis.ticks():
            self._parts.append(f'<path class="l" d="M{x} {_TOP - 6}V{height - 8}"/>')
            self._label(0, text, (x + 2, _TOP - 10, "start"), (x - 2, _TOP - 10, "end"))
        for part in self._axis.stretches:
            if part.folded:
                self._drawn.add("w")
                seconds = f"{(part.ended - part.began) / 1e9:.1f} s"
                width = part.right - part.left
                self._parts.append(
                    f'<rect class="w" x="{part.left:.1f}" y="{_TOP - 6}" width="{width:.1f}" height="{height - _TOP - 2}">'
                    f"<title>nothing happens for {seconds}</title></rect>"
                )
                middle = (part.left + part.right) / 2
                folded = f"{seconds} folded"
                self._label(0, folded, (middle + _LETTER * len(folded) / 2, _MARKS, "end"), *_sides(middle, _MARKS))

    def _lane(self, name: str) -> None:
        y = self._y(name)
        self._parts.append(f'<path class="l" d="M{self._left} {y}H{_WIDTH - _RIGHT}"/><text x="4" y="{y + 4}">{escape(name)}</text>')

    # --- labels ---

    def _label(self, rank: int, text: str, *places: tuple[float, float, str]) -> None:
        if text:
            self._labels.append(_Label(rank, text, places))

    def _write_labels(self) -> None:
        """Writes each label at its first free place, or not at all: its text is also in the title of its mark."""
        for label in sorted(self._labels, key=lambda label: label.rank):
            width = _LETTER * len(label.text)
            for x, y, anchor in label.places:
                left = x - width if anchor == "end" else x
                taken = self._taken.setdefault(y, [])
                if left >= self._left and left + width <= _WIDTH and all(left + width <= begin or left >= end for begin, end in taken):
                    taken.append((left, left + width))
                    where = ' text-anchor="end"' if anchor == "end" else ""
                    self._parts.append(f'<text class="s" x="{round(x, 1):g}" y="{y}"{where}>{escape(label.text)}</text>')
                    break

    # --- bars ---

    def _life(self, span: ProcessSpan) -> None:
        y = self._y(span.name)
        for bar in state_bars(span, self._records, self._began, self._ended):
            self._bar(span, bar, y)
        if span.ended is not None and self._began <= span.ended <= self._ended:
            self._drawn.add("x")
            x = self._x(span.ended)
            title = f"{self._when(span.ended)}: {span.name} {span.ending}"
            self._parts.append(f'<path class="x" d="M{x - 4} {y - 4}l8 8m0 -8l-8 8"><title>{escape(title)}</title></path>')
            self._label(0, span.ending, (x + 7, y + _BESIDE, "start"), *_sides(x, y + _BELOW), (x - 7, y + _ABOVE, "end"))

    def _bar(self, span: ProcessSpan, bar: StateBar, y: int) -> None:
        self._states.add(bar.state)
        left, right = self._x(bar.began), self._x(bar.ended)
        title = f"{self._when(bar.began)}: {span.name} (pid {span.pid}) {bar.state}, {(bar.ended - bar.began) / 1e9:.3f} s"
        half = _BAR - 3 if bar.state in _QUIET else _BAR
        self._parts.append(
            f'<rect x="{left}" y="{y - half}" width="{max(1.0, round(right - left, 1))}" height="{2 * half}" rx="2" '
            f'fill="{STATES.get(bar.state, "#7d7d7d")}"><title>{escape(title)}</title></rect>'
        )
        self._taken.setdefault(y + _BESIDE, []).append((left, right))
        if right - left > _LETTER * len(bar.state):
            self._label(3, bar.state, (left + 5, y + _ABOVE, "start"))

    def _keywords(self) -> None:
        y = self._y("test")
        for keyword in self._test.keywords:
            if keyword.depth == 1 and keyword.ended > self._began:
                x = self._x(keyword.began)
                title = f"{self._when(keyword.began)}: {keyword.name}    {'    '.join(keyword.arguments)}".rstrip()
                kind = "v" if keyword.status == "FAIL" else "t"
                self._parts.append(f'<g><path class="{kind}" d="M{x} {y - 5}v10"/><path class="b" d="M{x} {y - 8}v16"/><title>{escape(title)}</title></g>')
                self._label(
                    0 if keyword.status == "FAIL" else 4,
                    keyword.name,
                    (x + 3, y + _ABOVE, "start"),
                    (x + 3, y + _BELOW, "start"),
                    (x - 3, y + _ABOVE, "end"),
                    (x - 3, y + _BELOW, "end"),
                )

    def _answers(self) -> None:
        """How long each answer took, as a thin bar below the states of its program."""
        arrived = {(r["pid"], r.get("n")): r for r in self._records if r.get("record") == "request_in" and r["name"] in self._lanes and not is_probe(r)}
        for record in self._records:
            request = arrived.get((record["pid"], record.get("n"))) if record.get("record") == "request_end" else None
            if request is None:
                continue
            left, right = self._x(request["ns"]), self._x(record["ns"])
            if right - left >= _VISIBLE:
                self._drawn.add("q")
                title = f"{self._when(request['ns'])}: {request.get('method')} {request.get('path')} of {request['name']} took {_seconds(request, record)}"
                y = self._y(request["name"]) + _BAR + 1
                self._parts.append(f'<rect class="q" x="{left}" y="{y}" width="{right - left:.1f}" height="3"><title>{escape(title)}</title></rect>')

    # --- events ---

    def _tokens(self) -> None:
        marks: dict[str, set[int]] = {}
        for record in self._records:
            if record.get("record") == "token" and record["name"] in self._lanes:
                marks.setdefault(record["name"], set()).add(round(self._x(record["ns"])))
        for name, places in marks.items():
            self._drawn.add("k")
            y = self._y(name)
            path = "".join(f"M{x} {y}v{_BAR}" for x in sorted(places))
            self._parts.append(f'<path class="k" d="{path}"><title>tokens of {escape(name)}</title></path>')

    def _arrows(self) -> int:
        links = RequestLinks(self._records)
        received = [record for record in links.received if record["name"] in self._lanes]
        drawn = _worth_drawing(received, links)
        for record in drawn:
            source = links.source(record)
            self._arrow(record, source if source is not None and source["name"] in self._lanes else None, links.answer(record))
        ports = {str(r["port"]): r["name"] for r in self._records if r.get("record") == "bound" and r["name"] in self._lanes}
        for record, reply in links.lost()[-_MOST_ARROWS:]:
            if record["name"] in self._lanes:
                self._lost(record, reply, ports.get(str(record.get("target")).rpartition(":")[2]))
        return len(received) - len(drawn)

    def _lost(self, record: dict[str, Any], reply: dict[str, Any], target: str | None) -> None:
        """A request that no program of the run has received."""
        x1, y1 = self._x(record["ns"]), self._y(record["name"])
        x2, y2 = self._x(reply["ns"]), self._y(target) if target is not None else y1 + _LANE // 2
        line = f"{record['name']} -> {target or record.get('target')}: {record.get('method')} {record.get('path')}"
        self._path("a e n", f"M{x1} {y1}L{x2} {y2}m-3 -3l6 6m0 -6l-6 6", f"{self._when(record['ns'])}: {line} got no answer: {reply['failure']}")

    def _arrow(self, record: dict[str, Any], source: dict[str, Any] | None, answer: dict[str, Any] | None) -> None:
        origin = source["name"] if source is not None else "test"
        x1, y1 = self._x(source["ns"] if source is not None else record["ns"]), self._y(origin)
        x2, y2 = self._x(record["ns"]), self._y(record["name"])
        status = answer.get("status") if answer is not None else None
        took = f", {(answer['ns'] - record['ns']) / 1e6:.1f} ms" if answer is not None else ", not answered"
        title = f"{self._when(record['ns'])}: {origin} -> {record['name']}: {record.get('method')} {record.get('path')} {status or ''}{took}"
        if status is not None and status >= 400:
            self._label(2, str(status), *_sides(x2, y2 + (_ABOVE if y2 >= y1 else _BELOW)))
        tip = 4 if y2 >= y1 else -4
        y2 -= 2 * tip
        kind = " e" if status is None or status >= 400 else " p" if is_probe(record) else ""
        self._path(f"a{kind}", f"M{x1} {y1}L{x2} {y2}m-3 {-tip}l3 {tip}l3 {-tip}", title)

    def _path(self, kind: str, path: str, title: str) -> None:
        """An arrow with an invisible wide one behind it, which is easier to point at."""
        self._drawn.add(kind)
        self._parts.append(f'<g><path class="{kind}" d="{path}"/><path class="b" d="{path}"/><title>{escape(title)}</title></g>')

    def _faults(self) -> None:
        for record in self._records:
            if record.get("record") == "fault_armed" and record["name"] in self._lanes:
                x, y = self._x(record["ns"]), self._y(record["name"])
                self._drawn.add("f")
                title = f"{self._when(record['ns'])}: fault {record.get('spec')} of {record['name']} is armed"
                width = round(_WIDTH - _RIGHT - x, 1)
                self._parts.append(f'<rect class="f" x="{x}" y="{y - 16}" width="{width}" height="32"><title>{escape(title)}</title></rect>')
                text = re.sub(r"\bid=[^,]*,?", "", str(record.get("spec"))).rstrip(":,")
                self._label(1, text, (x + 3, y + _BELOW, "start"), (x - 3, y + _BELOW, "end"), (x - 3, y + _ABOVE, "end"), (x + 3, y + _ABOVE, "start"))

    def _marks(self) -> None:
        height = _TOP + _LANE * len(self._lanes)
        for record in self._records:
            kind, x = record.get("record"), self._x(record["ns"])
            if kind == "clock_step":
                began = record.get("began_ns", record["ns"])
                x = self._x(began)
                title = f"{self._when(began)}: the run's clock moves by {record.get('by'):g} s, {record.get('fired')} timers fire"
                self._path("j", f"M{x} {_TOP - 4}V{height}", title)
                self._label(0, f"+{_span(float(record.get('by', 0)))}", *_sides(x, _MARKS))
            elif kind in ("partition", "healed"):
                what = groups_of(record) or "healed"
                self._path("o", f"M{x} {_TOP - 4}V{height}", f"{self._when(record['ns'])}: the network is {'parted: ' if groups_of(record) else ''}{what}")
                self._label(0, what, *_sides(x, _MARKS))
            elif kind == "signal_sent" and record.get("to") in self._lanes:
                self._drawn.add("x s")
                y = self._y(record["to"])
                title = f"{self._when(record['ns'])}: {record.get('signal')} to {record['to']}"
                self._parts.append(f'<path class="x" d="M{x} {y - _BAR}l-4 -6h8z"><title>{escape(title)}</title></path>')
                self._label(1, str(record.get("signal")), *_sides(x, y + _ABOVE))
            elif kind == "fault" and record["name"] in self._lanes:
                self._drawn.add("h")
                y = self._y(record["name"])
                title = f"{self._when(record['ns'])}: fault {record.get('kind')} hits {record['name']}, number {record.get('hit')}"
                self._parts.append(f'<circle class="h" cx="{x}" cy="{y}" r="4.5"><title>{escape(title)}</title></circle>')
        if self._test.failed is not None:
            x = self._x(self._test.failed)
            self._path("v", f"M{x} {_TOP - 4}V{height}", f"{self._when(self._test.failed)}: the test failed")
            self._label(0, "failed", *_sides(x, _MARKS))


def _worth_drawing(received: Sequence[dict[str, Any]], links: RequestLinks) -> Sequence[dict[str, Any]]:
    """All requests, or of too many those that went wrong, the latest ones, and some of the others from all over the test."""
    if len(received) <= _MOST_ARROWS:
        return received
    others = [record for record in received if record.get("path") not in _ROUTINE]
    wrong = [record for record in others if (links.answer(record) or {}).get("status", 500) >= 400][-_LATEST:]
    kept = {id(record) for record in [*wrong, *others[-_LATEST:]]}
    rest = [record for record in others if id(record) not in kept]
    room = max(1, _MOST_ARROWS - len(kept))
    kept |= {id(record) for record in rest[:: max(1, -(-len(rest) // room))]}
    return [record for record in received if id(record) in kept]


def _sides(x: float, y: float) -> tuple[tuple[float, float, str], ...]:
    """Places for a label left and right of a mark; left first, which keeps the labels of neighbouring marks in order."""
    return (x - 7, y, "end"), (x + 7, y, "start")


def _span(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _seconds(begin: dict[str, Any], end: dict[str, Any]) -> str:
    return f"{(end['ns'] - begin['ns']) / 1e9:.3f} s"
