"""A test as Chrome trace events, which Perfetto and chrome://tracing open as well; the trace page is built on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..history import Exchange, History, groups_of
from .process_spans import ProcessSpan, in_lane_order, state_bars
from .request_links import RequestLinks
from .timeline import TestSpan

Record = dict[str, Any]
Event = dict[str, Any]

_TEST = 1
"""Process number of the test itself."""
_STATES, _RECEIVED, _SENT, _MARKS = 0, 1, 101, 201
"""First thread numbers: Chrome trace events of one thread must not overlap, so requests at the same time get threads of their own."""
_LONGEST = 4000
"""Characters of a body that are kept; the journal has all of them."""
_STEADY = 0.0005
"""Seconds by which the run's clock may leave a straight line before that is noted."""
_OF_REQUESTS = ("request_in", "answered", "request_end", "request_out", "answer_in", "token")
_CATEGORIES = {
    "signal_sent": "signal",
    "signal": "signal",
    "fault": "fault",
    "fault_armed": "fault",
    "clock_step": "clock",
    "clock_rate": "clock",
    "partition": "signal",
    "healed": "signal",
}
_HIDDEN = ("ns", "clock", "wall", "program", "pid", "record", "name", "n", "start", "end")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*Z")


class TraceEvents:
    """The trace of a test.

    Args:
        spans: all processes of the test.
        records: journal records of all programs and of the library, in order of time; each has the `name` of its program.
        test: what is shown.
        outputs: program -> stream -> what it has printed there.
    """

    def __init__(self, spans: Sequence[ProcessSpan], records: Sequence[Record], test: TestSpan, outputs: Mapping[str, Mapping[str, str]]):
        self._records, self._test = records, test
        self._spans = in_lane_order(spans, records)
        self._names = list(dict.fromkeys(span.name for span in self._spans))
        self._numbers = {"library": _TEST, **{name: number for number, name in enumerate(self._names, _TEST + 1)}}
        self._links = RequestLinks(records)
        self._history = History(records)
        self._ports = {str(record["name"]): record["port"] for record in records if record.get("record") == "bound"}
        self._traces: dict[str, int] = {}
        self._outputs = outputs

    def events(self) -> list[Event]:
        """All events; times in microseconds since the start of the test."""
        found = [*self._titles(), *self._keywords(), *self._states(), *self._requests(), *self._tokens(), *self._marks(), *self._clock(), *self._printed()]
        if self._test.failed is not None:
            found.append(self._instant("failure", "the test failed", _TEST, self._test.failed, {}, scope="g"))
        return found

    # --- parts ---

    def _us(self, ns: int) -> float:
        return round((ns - self._test.began) / 1000, 3)

    def _instant(self, category: str, name: str, number: int, ns: int, args: Record, *, scope: str = "t") -> Event:
        return {"ph": "i", "cat": category, "name": name, "pid": number, "tid": _MARKS, "ts": self._us(ns), "s": scope, "args": args}

    def _slice(self, category: str, name: str, number: int, thread: int, began: int, ended: int, args: Record) -> Event:
        began = max(began, self._test.began)
        times = {"ts": self._us(began), "dur": round(max(0, ended - began) / 1000, 3)}
        return {"ph": "X", "cat": category, "name": name, "pid": number, "tid": thread, **times, "args": args}

    def _titles(self) -> Iterator[Event]:
        roles = {span.name: span.role for span in self._spans}
        for name, number in [("test", _TEST), *((name, self._numbers[name]) for name in self._names)]:
            yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": name, "role": roles.get(name, "test")}}
            yield {"ph": "M", "name": "process_sort_index", "pid": number, "tid": 0, "args": {"sort_index": number}}
            yield {"ph": "M", "name": "thread_name", "pid": number, "tid": 0, "args": {"name": "states" if name != "test" else "keywords"}}

    def _keywords(self) -> Iterator[Event]:
        for keyword in self._test.keywords:
            args = {"id": keyword.id, "arguments": list(keyword.arguments), "status": keyword.status, "depth": keyword.depth}
            yield self._slice("keyword", keyword.name, _TEST, 0, keyword.began, keyword.ended, args)

    def _states(self) -> Iterator[Event]:
        for span in self._spans:
            number = self._numbers[span.name]
            for bar in state_bars(span, self._records, self._test.began, self._test.ended):
                yield self._slice("state", bar.state, number, _STATES, bar.began, bar.ended, {"pid": span.pid})
            ended = span.ended
            if ended is not None and ended >= self._test.began:
                yield self._instant("process", f"{span.name} {span.ending}", number, ended, {"pid": span.pid})

    def _requests(self) -> Iterator[Event]:
        threads: dict[int, Threads] = {}
        where: dict[int, tuple[int, int, float]] = {}
        for record in self._links.sent:
            number = self._numbers.get(record["name"])
            if number is not None:
                reply = self._links.reply(record)
                ended = reply["ns"] if reply is not None else self._test.ended
                event = self._request("sent", record, number, threads.setdefault(-number, Threads(_SENT)).free(record["ns"], ended), ended, reply)
                where[id(record)] = (number, event["tid"], event["ts"])
                yield event
        for flow, record in enumerate(self._links.received):
            number = self._numbers.get(record["name"])
            if number is None:
                continue
            end = self._links.end(record) or self._end_by_death(record)
            ended = end["ns"] if end is not None else self._test.ended
            thread = threads.setdefault(number, Threads(_RECEIVED)).free(record["ns"], ended)
            event = self._request("request", record, number, thread, ended, self._links.answer(record))
            event["args"] |= {"complete": self._links.end(record) is not None}
            yield event
            source = self._links.source(record)
            begin = where.get(id(source)) if source is not None else (_TEST, 0, event["ts"])
            if begin is not None:
                for phase, (pid, tid, ts) in (("s", begin), ("f", (number, thread, event["ts"]))):
                    yield {"ph": phase, "cat": "flow", "name": "request", "id": flow, "pid": pid, "tid": tid, "ts": ts, "bp": "e"}

    def _end_by_death(self, request: Record) -> Record | None:
        """An answer ends with its process."""
        ended = next((span.ended for span in self._spans if span.pid == request["pid"]), None)
        return {"ns": ended} if ended is not None else None

    def _request(self, category: str, record: Record, number: int, thread: int, ended: int, answer: Record | None) -> Event:
        args = {**_shown(record), "trace": self._trace(record), **({name: v for name, v in _shown(answer).items() if v is not None} if answer else {})}
        host = record.get("target") or f"127.0.0.1:{self._ports.get(record['name'], '')}"
        args["url"] = f"http://{host}{record.get('path')}" + (f"?{record['query']}" if record.get("query") else "")
        args["clock"] = record.get("clock")
        return self._slice(category, f"{record.get('method')} {record.get('path')}", number, thread, record["ns"], ended, args)

    def _trace(self, record: Record) -> int:
        """Number of the request by a client of the fleet because of which this one was sent: all its hops have the same one."""
        exchange = self._exchange_of(record)
        while exchange is not None and (cause := self._history.cause(exchange)) is not None:
            exchange = cause
        name = (exchange.arrival if exchange is not None else record).get("correlation_id")
        return self._traces.setdefault(str(name), len(self._traces) + 1)

    def _exchange_of(self, record: Record) -> Exchange | None:
        number = record.get("cause") if record.get("record") == "request_out" else record.get("n")
        return self._history.exchange(record["pid"], number) if number is not None else None

    def _tokens(self) -> Iterator[Event]:
        traces = {(exchange.pid, exchange.request_id): self._trace(exchange.arrival) for exchange in self._history.exchanges}
        for record in self._records:
            if record.get("record") == "token" and record["name"] in self._numbers:
                args = {"index": record.get("index"), "request_id": record.get("request_id"), "trace": traces.get((record["pid"], record.get("request_id")))}
                yield self._instant("token", "token", self._numbers[record["name"]], record["ns"], args)

    def _marks(self) -> Iterator[Event]:
        for record in self._records:
            kind = str(record.get("record"))
            number = self._numbers.get(str(record.get("to")) if kind == "signal_sent" else record["name"])
            if kind in _OF_REQUESTS or number is None:
                continue
            category = _CATEGORIES.get(kind, "record")
            moment = record["began_ns"] if "began_ns" in record else record["ns"]
            yield self._instant(category, _mark(kind, record), number, moment, _shown(record), scope="g" if category == "clock" else "t")

    def _clock(self) -> Iterator[Event]:
        """The run's clock as a counter: a sample wherever it leaves the straight line."""
        samples = [(record["ns"], record["clock"]) for record in self._records if "clock" in record]
        for ns, clock in bends(samples):
            yield {"ph": "C", "cat": "clock", "name": "run clock", "pid": _TEST, "tid": 0, "ts": self._us(ns), "args": {"seconds": round(clock, 6)}}

    def _printed(self) -> Iterator[Event]:
        offset = next((record["wall"] - record["ns"] / 1e9 for record in self._records if "wall" in record), None)
        for name, streams in self._outputs.items():
            begins = [span.began for span in self._spans if span.name == name]
            if name not in self._numbers or not begins:
                continue
            for stream, text in streams.items():
                at = min(begins)
                for line in text.splitlines():
                    at = max(at, _moment(line, offset) or at)
                    yield self._instant("output", line[:_LONGEST], self._numbers[name], at, {"stream": stream})


class Threads:
    """Threads of a program, so many that no two slices of one overlap.

    Args:
        first: number of the first one.
    """

    def __init__(self, first: int):
        self._first = first
        self._busy_until: list[int] = []

    def free(self, began: int, ended: int) -> int:
        """Number of a thread that is free during a time; it is taken from then on."""
        for number, until in enumerate(self._busy_until):
            if until <= began:
                self._busy_until[number] = ended
                return self._first + number
        self._busy_until.append(ended)
        return self._first + len(self._busy_until) - 1


def bends(samples: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The samples of a clock that are needed to draw it: the first, the last, and both ends of each straight line between them.

    Args:
        samples: real nanoseconds and seconds of the clock, in order of real time.
    """
    kept: list[tuple[int, float]] = []
    for before, sample in zip([None, *samples], samples, strict=False):
        if before is None or not kept:
            kept.append(sample)
            slope = 1e-9
        elif abs(kept[-1][1] + (sample[0] - kept[-1][0]) * slope - sample[1]) > _STEADY:
            if before != kept[-1]:
                kept.append(before)
            slope = (sample[1] - before[1]) / max(1, sample[0] - before[0])
    return [*kept, samples[-1]] if samples and kept[-1] != samples[-1] else kept


def chrome_trace(events: Iterable[Event], about: Mapping[str, Any]) -> str:
    """The JSON of a file for Perfetto or chrome://tracing.

    Args:
        events: of a trace.
        about: what else is known of the test.
    """
    return json.dumps({"traceEvents": list(events), "displayTimeUnit": "ms", "otherData": dict(about)}, separators=(",", ":"), default=str)


def _shown(record: Record) -> Record:
    """The fields of a record that are worth showing."""
    shown = {name: value for name, value in record.items() if name not in _HIDDEN}
    body = shown.get("body")
    if body in ({}, "", None):
        shown.pop("body", None)
    elif len(text := body if isinstance(body, str) else json.dumps(body, default=str)) > _LONGEST:
        shown["body"] = f"{text[:_LONGEST]}... ({len(text) - _LONGEST} more characters are in the journal)"
    return shown


def _mark(kind: str, record: Record) -> str:
    if kind == "signal_sent":
        return f"{record.get('signal')} sent by the test"
    if kind == "fault":
        return f"fault {record.get('kind')} acts"
    if kind == "fault_armed":
        return f"fault {record.get('spec')} is armed"
    if kind in ("partition", "healed"):
        return f"the network is parted: {groups_of(record)}" if groups_of(record) else "the network is healed"
    if kind == "clock_step":
        return f"the run's clock moves by {record.get('by'):g} s"
    words = kind.replace("_", " ")
    about = record.get("to") or record.get("worker_id") or record.get("signal") or record.get("timer")
    return f"{words}: {about}" if about else words


def _moment(line: str, offset: float | None) -> int | None:
    """Monotonic nanoseconds of a line that begins with a time stamp; None for others."""
    found = _STAMP.search(line[:60])
    if found is None or offset is None:
        return None
    fraction = found[1] if "." in found[1] else f"{found[1]}.0"
    moment = datetime.strptime(f"{fraction}+0000", "%Y-%m-%dT%H:%M:%S.%f%z")
    return int((moment.timestamp() - offset) * 1e9)
