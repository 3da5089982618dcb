"""Processes over time: when each lived, and in which state it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from signal import Signals
from typing import Any

_TELL_STATES = ("worker", "queen", "hive", "hub")


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
        state: with which its bar begins; empty for a fake that was started in the test.
    """

    name: str
    role: str
    pid: int
    began: int
    ended: int | None
    ending: str = ""
    stopped: bool = False
    state: str = ""


@dataclass(frozen=True)
class StateBar:
    """A time during which a process stayed in one state, in monotonic nanoseconds."""

    began: int
    ended: int
    state: str


def in_lane_order(spans: Sequence[ProcessSpan], records: Sequence[dict[str, Any]]) -> list[ProcessSpan]:
    """The processes in the order of the calls between them, worker-2 before worker-10; a killed one ended when it was killed, not when that was noticed.

    Args:
        spans: of all processes.
        records: journal records of all programs and of the library, in order of time.
    """
    order = {"keeper": 0, "queen": 1, "hub": 2, "relay": 3, "sshd": 4, "hive": 5, "worker": 6}
    kills = {r["to_pid"]: r["ns"] for r in reversed(records) if r.get("record") == "signal_sent" and r.get("signal") == "SIGKILL"}
    exits = {r["child"]: r for r in records if r.get("record") == "process_exited" and r.get("child")}
    spans = [_died_when_killed(_ended_as_reported(span, exits.get(span.pid)), kills.get(span.pid)) for span in spans]
    return sorted(spans, key=lambda span: (order.get(span.role, 9), len(span.name), span.name, span.began))


def _ended_as_reported(span: ProcessSpan, report: dict[str, Any] | None) -> ProcessSpan:
    """A process whose end its parent has reported, though the session has not noticed it yet, or does not know how it ended."""
    if span.ending or report is None or report["ns"] < span.began:
        return span
    number = report.get("signal")
    how = f"was ended by {Signals(number).name}" if number else f"exited with {report.get('exit_code')}"
    return replace(span, ended=span.ended or report["ns"], ending=how, stopped=False)


def _died_when_killed(span: ProcessSpan, killed: int | None) -> ProcessSpan:
    if killed is None or (span.ended is not None and span.ended < killed):
        return span
    return replace(span, ended=killed, ending=span.ending or "was ended by SIGKILL")


def state_bars(span: ProcessSpan, records: Sequence[dict[str, Any]], began: int, ended: int) -> list[StateBar]:
    """The states of a process between two moments, one after the other.

    Args:
        span: of the process.
        records: as for `in_lane_order`.
        began: first moment.
        ended: last moment.
    """
    end = span.ended if span.ended is not None else ended
    state = span.state or ("starting" if span.role in _TELL_STATES else "running")
    changes = [(max(span.began, began), state)]
    for record in records:
        kind = record.get("record")
        if kind == "state" and record.get("pid") == span.pid:
            state = str(record.get("to"))
            changes.append((record["ns"], state))
        elif kind == "signal_sent" and record.get("to_pid") == span.pid and record.get("signal") in ("SIGSTOP", "SIGCONT"):
            changes.append((record["ns"], "frozen" if record["signal"] == "SIGSTOP" else state))
    if span.stopped and changes[-1][1] != "frozen":  # by somebody else: at the latest after its last sign of life
        changes.append((max((r["ns"] for r in records if r.get("pid") == span.pid), default=changes[-1][0]), "frozen"))
    return _bars_between(changes, end)


def _bars_between(changes: Sequence[tuple[int, str]], end: int) -> list[StateBar]:
    bars: list[StateBar] = []
    for at, state in changes:
        if bars and bars[-1].state == state:
            continue
        if bars:
            at = min(max(at, bars[-1].began), end)
            bars[-1] = replace(bars[-1], ended=at)
        bars.append(StateBar(at, end, state))
    return [bar for bar in bars if bar.ended > bar.began]
