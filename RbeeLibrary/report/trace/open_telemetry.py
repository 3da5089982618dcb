"""The requests of a test as OTLP JSON, which Jaeger and other OpenTelemetry tools import."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .trace_events import Event

_SERVER, _CLIENT = 2, 3
_ERROR = 2
_CALLERS = "test"


def otlp_json(events: Sequence[Event], began_wall: float, about: Mapping[str, Any]) -> str:
    """The file: a resource per program, a span per request, with its tokens as events.

    Args:
        events: Chrome trace events of the test.
        began_wall: start of the test, in seconds since 1970.
        about: what else is known of the test; becomes attributes of each resource.
    """
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    requests = [event for event in events if event.get("cat") in ("request", "sent")]
    parents = _parents(events, requests)
    tokens: dict[tuple[int, Any], list[Event]] = {}
    for event in events:
        if event.get("cat") == "token":
            tokens.setdefault((event["pid"], event["args"]["trace"]), []).append(event)
    spans: dict[int, list[dict[str, Any]]] = {}
    for event in requests:
        spans.setdefault(event["pid"], []).append(_span(event, parents.get(_place(event)), tokens, began_wall, str(about)))
    resources = [
        {
            "resource": {"attributes": _attributes({"service.name": names.get(pid, _CALLERS), **about})},
            "scopeSpans": [{"scope": {"name": "RbeeLibrary"}, "spans": own}],
        }
        for pid, own in spans.items()
    ]
    return json.dumps({"resourceSpans": resources}, separators=(",", ":"), default=str)


def _place(event: Event) -> tuple[int, int, float]:
    return event["pid"], event["tid"], event["ts"]


def _parents(events: Sequence[Event], requests: Sequence[Event]) -> dict[tuple[int, int, float], Event]:
    """Place of a request -> the request because of which it was sent."""
    at = {_place(event): event for event in requests}
    begins = {event["id"]: at.get(_place(event)) for event in events if event["ph"] == "s"}
    ends = [event for event in events if event["ph"] == "f"]
    parents = {_place(end): parent for end in ends if (parent := begins.get(end["id"])) is not None}
    received: dict[tuple[int, int], list[Event]] = {}
    for event in requests:
        if event["cat"] == "request":
            received.setdefault((event["pid"], event["args"]["trace"]), []).append(event)
    for event in requests:
        if event["cat"] == "sent":
            before = [one for one in received.get((event["pid"], event["args"]["trace"]), []) if one["ts"] <= event["ts"]]
            if before:
                parents[_place(event)] = before[-1]
    return parents


def _span(event: Event, parent: Event | None, tokens: Mapping[tuple[int, Any], Sequence[Event]], began: float, test: str) -> dict[str, Any]:
    args = event["args"]
    is_received = event["cat"] == "request"
    failed = bool(args.get("failure")) or int(args.get("status") or 0) >= 400
    attributes = {
        "http.request.method": args.get("method"),
        "url.path": args.get("path"),
        "url.full": args.get("url"),
        "http.response.status_code": args.get("status"),
        "error.type": args.get("code") or args.get("failure"),
        "rbee.request_id": args.get("request_id"),
        "rbee.correlation_id": args.get("correlation_id"),
    }
    return {
        "traceId": _digest(f"{test}{args['trace']}", 32),
        "spanId": _span_id(event, test),
        "parentSpanId": _span_id(parent, test) if parent is not None else "",
        "name": event["name"],
        "kind": _SERVER if is_received else _CLIENT,
        "startTimeUnixNano": _nano(began, event["ts"]),
        "endTimeUnixNano": _nano(began, event["ts"] + event["dur"]),
        "attributes": _attributes({name: value for name, value in attributes.items() if value is not None}),
        "events": [
            {"timeUnixNano": _nano(began, token["ts"]), "name": "token", "attributes": _attributes({"index": token["args"]["index"]})}
            for token in (tokens.get((event["pid"], args["trace"]), ()) if is_received else ())
        ],
        "status": {"code": _ERROR, "message": str(args.get("message") or args.get("failure") or "")} if failed else {},
    }


def _span_id(event: Event, test: str) -> str:
    return _digest(f"{test}{_place(event)}", 16)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _nano(began: float, microseconds: float) -> str:
    return str(int(began * 1e9) + int(microseconds * 1000))


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}} for name, value in values.items()]
