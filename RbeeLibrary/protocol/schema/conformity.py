"""Checks of responses and stream events against the contract, for fakes (on themselves) and for real programs (by tests)."""

from __future__ import annotations

import json
from typing import Any

from ..error_codes import ERRORS
from ..sse import DONE, ServerSentEvent
from .answers import ErrorObject
from .fields import FieldRule, rules_of
from .routes import Answer, Events, Raw, Route

ANYWHERE = ("INVALID_REQUEST", "INVALID_API_KEY")
_TOO_LARGE = 413


def wrong_in(kind: type, value: Any, where: str = "", *, exact: bool = True) -> list[str]:
    """Deviations of a JSON value from a message class, as sentences.

    Args:
        kind: expected message class.
        value: actual value.
        where: path of the value, for the sentences.
        exact: whether unknown fields and another order of fields are deviations.
    """
    if not isinstance(value, dict):
        return [f"{where or 'the body'} is {_shown(value)}, expected an object"]
    findings: list[str] = []
    prefix = f"{where}." if where else ""
    known = []
    for name, rule, required in rules_of(kind):
        if name in value:
            known.append(name)
            findings += _wrong(rule, value[name], prefix + name, exact)
        elif required:
            findings.append(f"{prefix}{name} is missing, expected {rule.expected}")
    if exact and not findings:
        names = list(value)
        if names != known:
            unknown = [name for name in names if name not in known]
            findings.append(
                f"{prefix}{unknown[0]} is not in the contract" if unknown else f"fields are in the order {', '.join(names)}, expected {', '.join(known)}"
            )
    return findings


def _wrong(rule: FieldRule, value: Any, where: str, exact: bool) -> list[str]:
    if value is None and rule.nullable:
        return []
    if rule.problem(value) is not None:
        return [f"{where} is {_shown(value)}, expected {rule.expected}"]
    if rule.of is not None:
        return wrong_in(rule.of, value, where, exact=exact)
    if rule.items is not None and rule.items.of is not None:
        return [text for number, item in enumerate(value) for text in wrong_in(rule.items.of, item, f"{where}[{number}]", exact=exact)]
    return []


def wrong_answer(route: Route, status: int, body: Any, *, exact: bool = True) -> list[str]:
    """Deviations of a complete response from the contract, as sentences.

    Args:
        route: route of the request.
        status: HTTP status.
        body: JSON value; bytes or text if the body is no JSON; list of events of a stream; None for no body.
        exact: as for `wrong_in`.
    """
    described = route.answers.get(status)
    if described is None:
        return _wrong_error(route, status, body, exact)
    options = described if isinstance(described, tuple) else (described,)
    results = [wrong_body(option, body, exact) for option in options]
    return min(results, key=len)


def wrong_event(events: Events, event: ServerSentEvent, *, exact: bool = True) -> list[str]:
    """Deviations of a stream event, other than the end marker, from the contract, as sentences.

    Args:
        events: event classes of the stream.
        event: the event.
        exact: as for `wrong_in`.
    """
    value = event.json()
    if value is None:
        return [f"event {_shown(event.data)} is no JSON object"]
    results = [wrong_in(kind, value, "event", exact=exact) for kind in events.kinds]
    if [] in results:
        return []
    best = min(results, key=lambda texts: (len(texts), "is missing" in texts[0]))
    return [f"event {_shown(value)} fits none of {', '.join(kind.__name__ for kind in events.kinds)}: {best[0]}"]


def wrong_body(option: Answer, body: Any, exact: bool) -> list[str]:
    """Deviations of a body from one described answer, as sentences; arguments as for `wrong_answer`."""
    if isinstance(option, Events):
        if not isinstance(body, list):
            return ["the answer is no stream of events"]
        findings = [text for event in body if not event.is_done for text in wrong_event(option, event, exact=exact)]
        return findings or ([] if body and body[-1].is_done else ["the stream has no [DONE] at its end"])
    if isinstance(option, Raw):
        return [f"the body is {_shown(body)}, expected none"] if option.empty and body else []
    return wrong_in(option, body, exact=exact)


def _wrong_error(route: Route, status: int, body: Any, exact: bool) -> list[str]:
    if route.method == "HEAD" and not body:
        known = {one for code in (*route.errors, *ANYWHERE) for one in error_statuses(route, code)}
        return [] if status in known else [f"status {status}, expected one of {', '.join(map(str, sorted({*route.answers, *known})))}"]
    expected = f"expected {' or '.join(map(str, sorted(route.answers)))} or an error of the contract"
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return [f"status {status} without an error envelope, {expected}"]
    findings = wrong_in(ErrorObject, body["error"], "error", exact=exact)
    if findings:
        return findings
    code = body["error"]["code"]
    unknown = [name for name in body if name != "error" and name not in route.beside]
    if code not in ERRORS:
        findings.append(f"error.code is {_shown(code)}, which the contract does not know")
    elif not route.relays:
        allowed = (*route.errors, *ANYWHERE) if route.protected else (*route.errors, "INVALID_REQUEST")
        if code not in allowed:
            findings.append(f"error.code is {code}, expected one of {', '.join(allowed)}")
        elif status not in error_statuses(route, code):
            findings.append(f"{code} came with status {status}, expected {' or '.join(map(str, error_statuses(route, code)))}")
    if exact and unknown:
        findings.append(f"{unknown[0]} beside error is not in the contract")
    return findings


def error_statuses(route: Route, code: str) -> tuple[int, ...]:
    """HTTP statuses that an error code may have at a route; 413 is that of a body over the limit (contract 13)."""
    if code == "INVALID_REQUEST":
        return (400, _TOO_LARGE)
    return (route.statuses.get(code, ERRORS[code]),)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def is_end(event: bytes) -> bool:
    """Whether bytes of a stream are its end marker or a comment, and so not subject to `wrong_event`."""
    return event == DONE or event.startswith(b":")
