"""The timeline of a test: an SVG picture of all its processes, without scripts or external files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from .cause import is_probe

_WIDTH, _LABELS, _RIGHT = 1000, 150, 14
_LANE, _TOP, _BAR = 42, 34, 8
_ABOVE, _BESIDE, _BELOW = -_BAR - 3, 4, _BAR + 10  # baselines of the label rows of a lane, relative to its middle
_LETTER = 6.5  # width of a wide letter
_MOST_ARROWS = 250
_LATEST = 100
"""Requests at the end of a test, next to its failure, that are drawn in any case."""
_QUIET = ("starting", "idle", "running")  # drawn as thin bars, so that other states stand out
_ROUTINE = ("/v1/health", "/health", "/v1/status", "/v1/ready", "/v1/workers/list")
_ORDER = {"keeper": 0, "queen": 1, "hub": 2, "relay": 3, "sshd": 4, "hive": 5, "worker": 6}
_STATES = {  # readable on the light and the dark background of the log
    "starting": "#7d7d7d",
    "loading": "#a8741a",
    "idle": "#3f8a4f",
    "busy": "#3b7dd8",
    "draining": "#9566c4",
    "frozen": "#23899b",
    "running": "#3f8a4f",
}
_STYLE = (
    "<style>.rt{--g:var(--background-color,Canvas)}@media print{.rbee-timeline{color:#000}.rt{--g:#fff}}"
    ".rt text{font:11px sans-serif;fill:currentColor;stroke:var(--g);stroke-width:3px;stroke-linejoin:round;paint-order:stroke}"
    ".rt .s{font-size:10px;opacity:.8}.rt .l{stroke:currentColor;opacity:.25}"
    ".rt .a{stroke:currentColor;stroke-width:1;opacity:.55;fill:none}.rt .a:hover{opacity:1;stroke-width:2}.rt .e{stroke:#d64545;opacity:1}"
    ".rt .p{opacity:.2}.rt .n{stroke-dasharray:3 2}"
    ".rt .j{stroke:#a8741a;stroke-dasharray:4 3}.rt .f{fill:#d64545;opacity:.14}.rt .x{fill:#d64545;stroke:#d64545;stroke-width:2}"
    ".rt .h{fill:#d64545;stroke:var(--g)}.rt .k{stroke:var(--g);stroke-width:1;fill:none}</style>"
)


@dataclass(frozen=True)
class ProcessSpan:
    """Lifetime of a process, in monotonic nanoseconds.

    Args:
        name: of the program.
        role: of the program.
        pid: of the process.
        began: when it was started.
        ended: when its end was noticed; None = it lives.
        ending: how it ended, for a label.
        stopped: whether the kernel has stopped it, whoever has sent the signal.
    """

    name: str
    role: str
    pid: int
    began: int
    ended: int | None
    ending: str = ""
    stopped: bool = False


@dataclass(eq=False, repr=False)
class _Bar:
    began: int
    ended: int
    state: str


@dataclass(frozen=True)
class _Label:
    rank: int  # labels of lower rank are placed first
    text: str
    places: Sequence[tuple[float, float, str]]  # possible places as (x, baseline, anchor), best first


def timeline(lives: Sequence[ProcessSpan], records: Sequence[dict[str, Any]], began: int, ended: int, *, is_open: bool) -> str:
    """The timeline as collapsible HTML.

    Args:
        lives: all processes of the test.
        records: journal records of all programs and of the library, in order of time; each has the `name` of its program.
        began: start of the test in monotonic nanoseconds.
        ended: end of the test in monotonic nanoseconds.
        is_open: whether it is expanded at first.
    """
    drawing = _Drawing(lives, records, began, ended)
    svg = drawing.svg()
    tokens = sum(1 for record in records if record.get("record") == "token")
    requests = sum(1 for record in records if record.get("record") == "request_in")
    summary = f"Timeline: {len(lives)} processes, {requests} requests, {tokens} tokens, {drawing.length / 1e9:.2f} s"
    if drawing.late >= 5_000_000:
        summary += f"; 0 s is {drawing.late / 1e9:.2f} s after the start of the test"
    return f"<details class='rbee-timeline'{' open' if is_open else ''}><summary>{summary}</summary>{svg}</details>"


class _Drawing:
    def __init__(self, lives: Sequence[ProcessSpan], records: Sequence[dict[str, Any]], began: int, ended: int):
        self._records = records
        kills = {r["to_pid"]: r["ns"] for r in reversed(records) if r.get("record") == "signal_sent" and r.get("signal") == "SIGKILL"}
        lives = [_died_when_killed(life, kills.get(life.pid)) for life in lives]
        first = min([*(life.began for life in lives), *(record["ns"] for record in records)], default=began)
        self._began = max(began, first - 2_000_000)  # skip the empty time before the first process
        self._ended = max(ended, self._began + 1_000_000)
        self.length = self._ended - self._began
        self.late = self._began - began
        self._lives = sorted(lives, key=lambda life: (_ORDER.get(life.role, 9), len(life.name), life.name, life.began))  # worker-2 before worker-10
        names = list(dict.fromkeys(life.name for life in self._lives))
        self._lanes = {name: number for number, name in enumerate(["test", *names])}
        self._parts: list[str] = []
        self._labels: list[_Label] = []
        self._taken: dict[float, list[tuple[float, float]]] = {}

    def svg(self) -> str:
        height = _TOP + _LANE * len(self._lanes) + 8
        self._axis(height)
        for name in self._lanes:
            self._lane(name)
        self._faults()
        for life in self._lives:
            self._life(life)
        self._tokens()
        left_out = self._arrows()
        self._moments()
        self._write_labels()
        note = f'<text class="s" x="{_LABELS}" y="{height + 10}">{left_out} requests are not drawn</text>' if left_out else ""
        return (
            f'<svg class="rt" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + (16 if left_out else 0)}" width="100%" '
            f'role="img" aria-label="timeline">{_STYLE}{"".join(self._parts)}{note}</svg>'
        )

    # --- positions ---

    def _x(self, ns: int) -> float:
        share = (min(max(ns, self._began), self._ended) - self._began) / self.length
        return round(_LABELS + share * (_WIDTH - _LABELS - _RIGHT), 1)

    def _y(self, name: str) -> int:
        return _TOP + _LANE * self._lanes[name] + _LANE // 2

    def _axis(self, height: int) -> None:
        seconds = self.length / 1e9
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 600, 3600, 86400) if seconds / step <= 10)
        number = 0
        while number * step <= seconds:
            x = self._x(self._began + int(number * step * 1e9))
            self._parts.append(f'<path class="l" d="M{x} {_TOP - 6}V{height - 8}"/>')
            self._label(0, f"{number * step:g} s", (x + 2, _TOP - 10, "start"), (x - 2, _TOP - 10, "end"))
            number += 1

    def _lane(self, name: str) -> None:
        y = self._y(name)
        self._parts.append(f'<path class="l" d="M{_LABELS} {y}H{_WIDTH - _RIGHT}"/><text x="4" y="{y + 4}">{escape(_short(name))}</text>')

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
                if left >= _LABELS and left + width <= _WIDTH and all(left + width <= begin or left >= end for begin, end in taken):
                    taken.append((left, left + width))
                    where = ' text-anchor="end"' if anchor == "end" else ""
                    self._parts.append(f'<text class="s" x="{round(x, 1):g}" y="{y}"{where}>{escape(label.text)}</text>')
                    break

    # --- bars of processes ---

    def _life(self, life: ProcessSpan) -> None:
        y = self._y(life.name)
        for bar in self._bars(life):
            left, right = self._x(bar.began), self._x(bar.ended)
            title = f"{life.name} (pid {life.pid}) {bar.state}, {(bar.ended - bar.began) / 1e9:.3f} s"
            half = _BAR - 3 if bar.state in _QUIET else _BAR
            self._parts.append(
                f'<rect x="{left}" y="{y - half}" width="{max(1.0, round(right - left, 1))}" height="{2 * half}" rx="2" '
                f'fill="{_STATES.get(bar.state, "#7d7d7d")}"><title>{escape(title)}</title></rect>'
            )
            self._taken.setdefault(y + _BESIDE, []).append((left, right))
            if right - left > _LETTER * len(bar.state):
                self._label(3, bar.state, (left + 5, y + _ABOVE, "start"))
        if life.ended is not None and self._began <= life.ended <= self._ended:
            x = self._x(life.ended)
            self._parts.append(f'<path class="x" d="M{x - 4} {y - 4}l8 8m0 -8l-8 8"><title>{escape(f"{life.name} {life.ending}")}</title></path>')
            self._label(0, life.ending, (x + 7, y + _BESIDE, "start"), *_sides(x, y + _BELOW), (x - 7, y + _ABOVE, "end"))

    def _bars(self, life: ProcessSpan) -> list[_Bar]:
        end = life.ended if life.ended is not None else self._ended
        if end < self._began:
            return []
        bars = [_Bar(max(life.began, self._began), end, "starting" if life.role in ("worker", "queen", "hive", "hub") else "running")]
        state = bars[0].state
        for record in self._records:
            kind, at = record.get("record"), record["ns"]
            if kind == "state" and record.get("pid") == life.pid:
                state = str(record.get("to"))
            elif kind == "signal_sent" and record.get("to_pid") == life.pid and record.get("signal") in ("SIGSTOP", "SIGCONT"):
                bars = _changed(bars, at, "frozen" if record["signal"] == "SIGSTOP" else state, end)
                continue
            else:
                continue
            bars = _changed(bars, at, state, end)
        if life.stopped and bars[-1].state != "frozen":  # by somebody else: at the latest after its last sign of life
            bars = _changed(bars, max((r["ns"] for r in self._records if r.get("pid") == life.pid), default=bars[-1].began), "frozen", end)
        return [bar for bar in bars if bar.ended > bar.began]

    # --- events ---

    def _tokens(self) -> None:
        marks: dict[str, set[int]] = {}
        for record in self._records:
            if record.get("record") == "token" and record["name"] in self._lanes:
                marks.setdefault(record["name"], set()).add(round(self._x(record["ns"])))
        for name, places in marks.items():
            y = self._y(name)
            path = "".join(f"M{x} {y}v{_BAR}" for x in sorted(places))
            self._parts.append(f'<path class="k" d="{path}"><title>tokens of {escape(name)}</title></path>')

    def _arrows(self) -> int:
        sent: dict[_Key, list[dict[str, Any]]] = {}
        for record in self._records:
            if record.get("record") == "request_out" and record["name"] in self._lanes:
                sent.setdefault(_key(record), []).append(record)
        answers = {(r["name"], r["pid"], r.get("n")): r for r in self._records if r.get("record") == "answered"}
        received = [r for r in self._records if r.get("record") == "request_in" and r["name"] in self._lanes]
        sources = {id(record): _source(record, sent.get(_key(record), [])) for record in received}
        drawn = _worth_drawing(received, answers)
        for record in drawn:
            self._arrow(record, sources[id(record)], answers.get((record["name"], record["pid"], record.get("n"))))
        arrived = {id(source) for source in sources.values()}
        self._lost_requests([record for several in sent.values() for record in several if id(record) not in arrived])
        return len(received) - len(drawn)

    def _lost_requests(self, sent: Sequence[dict[str, Any]]) -> None:
        """Requests that no program of the run has received: refused, cut, or sent to an address where nobody listens."""
        failures = {(r["pid"], r.get("n")): r for r in self._records if r.get("record") == "answer_in" and r.get("failure")}
        ports = {str(r["port"]): r["name"] for r in self._records if r.get("record") == "bound" and r["name"] in self._lanes}
        for record in sent[-_MOST_ARROWS:]:
            failed = failures.get((record["pid"], record.get("n")))
            if failed is None:
                continue
            target = ports.get(str(record.get("target")).rpartition(":")[2])
            x1, y1 = self._x(record["ns"]), self._y(record["name"])
            x2, y2 = self._x(failed["ns"]), self._y(target) if target is not None else y1 + _LANE // 2
            title = f"{record['name']} -> {target or record.get('target')}: {record.get('method')} {record.get('path')} got no answer: {failed['failure']}"
            self._parts.append(f'<path class="a e n" d="M{x1} {y1}L{x2} {y2}m-3 -3l6 6m0 -6l-6 6"><title>{escape(title)}</title></path>')

    def _arrow(self, record: dict[str, Any], source: dict[str, Any] | None, answer: dict[str, Any] | None) -> None:
        origin = source["name"] if source is not None else "test"
        x1, y1 = self._x(source["ns"] if source is not None else record["ns"]), self._y(origin)
        x2, y2 = self._x(record["ns"]), self._y(record["name"])
        status = answer.get("status") if answer is not None else None
        took = f", {(answer['ns'] - record['ns']) / 1e6:.1f} ms" if answer is not None else ", not answered"
        title = f"{origin} -> {record['name']}: {record.get('method')} {record.get('path')} {status or ''}{took}"
        if status is not None and status >= 400:
            self._label(2, str(status), *_sides(x2, y2 + (_ABOVE if y2 >= y1 else _BELOW)))
        tip = 4 if y2 >= y1 else -4
        y2 -= 2 * tip
        kind = " e" if status is None or status >= 400 else " p" if is_probe(record) else ""
        self._parts.append(f'<path class="a{kind}" d="M{x1} {y1}L{x2} {y2}m-3 {-tip}l3 {tip}l3 {-tip}"><title>{escape(title)}</title></path>')

    def _faults(self) -> None:
        for record in self._records:
            if record.get("record") == "fault_armed" and record["name"] in self._lanes:
                x, y = self._x(record["ns"]), self._y(record["name"])
                title = f"fault {record.get('spec')} of {record['name']}"
                width = round(_WIDTH - _RIGHT - x, 1)
                self._parts.append(f'<rect class="f" x="{x}" y="{y - 16}" width="{width}" height="32"><title>{escape(title)}</title></rect>')
                text = re.sub(r"\bid=[^,]*,?", "", str(record.get("spec"))).rstrip(":,")
                self._label(1, text, (x + 3, y + _BELOW, "start"), (x - 3, y + _BELOW, "end"), (x - 3, y + _ABOVE, "end"))

    def _moments(self) -> None:
        for record in self._records:
            kind, x = record.get("record"), self._x(record["ns"])
            if kind == "clock_step":
                title = f"the run's clock moves by {record.get('by'):g} s, {record.get('fired')} timers fire"
                self._parts.append(f'<path class="j" d="M{x} {_TOP - 4}V{_TOP + _LANE * len(self._lanes)}"><title>{escape(title)}</title></path>')
                self._label(0, f"+{_span(float(record.get('by', 0)))}", *_sides(x, 12))
            elif kind == "signal_sent" and record.get("to") in self._lanes:
                y = self._y(record["to"])
                title = f"{record.get('signal')} to {record['to']}"
                self._parts.append(f'<path class="x" d="M{x} {y - _BAR}l-4 -6h8z"><title>{escape(title)}</title></path>')
                self._label(1, str(record.get("signal")), *_sides(x, y + _ABOVE))
            elif kind == "fault" and record["name"] in self._lanes:
                y = self._y(record["name"])
                title = f"fault {record.get('kind')} hits {record['name']}, number {record.get('hit')}"
                self._parts.append(f'<circle class="h" cx="{x}" cy="{y}" r="4.5"><title>{escape(title)}</title></circle>')


_Key = tuple[Any, Any, Any]


def _key(record: dict[str, Any]) -> _Key:
    return record.get("correlation_id"), record.get("method"), record.get("path")


def _source(received: dict[str, Any], sent: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The record of the attempt that a program received: the last one before it."""
    before = [record for record in sent if record["ns"] <= received["ns"] and record["name"] != received["name"]]
    return before[-1] if before else None


def _worth_drawing(received: Sequence[dict[str, Any]], answers: dict[tuple[Any, Any, Any], dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """All requests, or of too many those that went wrong, the latest ones, and some of the others from all over the test."""
    if len(received) <= _MOST_ARROWS:
        return received
    others = [record for record in received if record.get("path") not in _ROUTINE]
    wrong = [r for r in others if (answers.get((r["name"], r["pid"], r.get("n"))) or {}).get("status", 500) >= 400][-_LATEST:]
    kept = {id(record) for record in [*wrong, *others[-_LATEST:]]}
    rest = [record for record in others if id(record) not in kept]
    room = max(1, _MOST_ARROWS - len(kept))
    kept |= {id(record) for record in rest[:: max(1, -(-len(rest) // room))]}
    return [record for record in received if id(record) in kept]


def _died_when_killed(life: ProcessSpan, killed: int | None) -> ProcessSpan:
    """A killed process is dead at once, even if its parent notices that later."""
    if killed is None or (life.ended is not None and life.ended < killed):
        return life
    return replace(life, ended=killed, ending=life.ending or "was ended by SIGKILL")


def _changed(bars: list[_Bar], at: int, state: str, end: int) -> list[_Bar]:
    """The bars of a process with a change of state at a time."""
    last = bars[-1]
    if state == last.state:
        return bars
    at = min(max(at, last.began), end)
    last.ended = at
    return [*bars, _Bar(at, end, state)]


def _sides(x: float, y: float) -> tuple[tuple[float, float, str], ...]:
    """Places for a label left and right of a mark; left first, which keeps the labels of neighbouring marks in order."""
    return (x - 7, y, "end"), (x + 7, y, "start")


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _span(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
