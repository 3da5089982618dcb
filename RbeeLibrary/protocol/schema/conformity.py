"""Whether what was said is what the contract says: one judge for fakes, which judge themselves, and for real programs, which a test judges."""

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
    """What is wrong with a message.

    Args:
        kind: what it has to be.
        value: what it is.
        where: its place, for the texts.
        exact: also fields that the contract does not know, and their order, are wrong.
    """
    if not isinstance(value, dict):
        return [f"{where or 'the body'} is {_shown(value)}, expected an object"]
    found: list[str] = []
    prefix = f"{where}." if where else ""
    known = []
    for name, rule, required in rules_of(kind):
        if name in value:
            known.append(name)
            found += _wrong(rule, value[name], prefix + name, exact)
        elif required:
            found.append(f"{prefix}{name} is missing, expected {rule.expected}")
    if exact and not found:
        said = list(value)
        if said != known:
            strange = [name for name in said if name not in known]
            found.append(
                f"{prefix}{strange[0]} is not in the contract" if strange else f"fields are in the order {', '.join(said)}, expected {', '.join(known)}"
            )
    return found


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
    """What is wrong with an answer whose body has been read.

    Args:
        route: where it came from.
        status: of HTTP.
        body: the JSON value; bytes or text of what is no JSON; a list of events of a stream; None for no body.
        exact: as for `wrong_in`.
    """
    described = route.answers.get(status)
    if described is None:
        return _wrong_error(route, status, body, exact)
    options = described if isinstance(described, tuple) else (described,)
    results = [_wrong_body(option, body, exact) for option in options]
    return min(results, key=len)


def wrong_event(events: Events, event: ServerSentEvent, *, exact: bool = True) -> list[str]:
    """What is wrong with one event of a stream, the end marker left out."""
    value = event.json()
    if value is None:
        return [f"event {_shown(event.data)} is no JSON object"]
    results = [wrong_in(kind, value, "event", exact=exact) for kind in events.kinds]
    if [] in results:
        return []
    best = min(results, key=lambda texts: (len(texts), "is missing" in texts[0]))
    return [f"event {_shown(value)} fits none of {', '.join(kind.__name__ for kind in events.kinds)}: {best[0]}"]


def _wrong_body(option: Answer, body: Any, exact: bool) -> list[str]:
    if isinstance(option, Events):
        if not isinstance(body, list):
            return ["the answer is no stream of events"]
        found = [text for event in body if not event.is_done for text in wrong_event(option, event, exact=exact)]
        return found or ([] if body and body[-1].is_done else ["the stream has no [DONE] at its end"])
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
    found = wrong_in(ErrorObject, body["error"], "error", exact=exact)
    if found:
        return found
    code = body["error"]["code"]
    strange = [name for name in body if name != "error" and name not in route.beside]
    if code not in ERRORS:
        found.append(f"error.code is {_shown(code)}, which the contract does not know")
    elif not route.relays:
        allowed = (*route.errors, *ANYWHERE) if route.protected else (*route.errors, "INVALID_REQUEST")
        if code not in allowed:
            found.append(f"error.code is {code}, expected one of {', '.join(allowed)}")
        elif status not in error_statuses(route, code):
            found.append(f"{code} came with status {status}, expected {' or '.join(map(str, error_statuses(route, code)))}")
    if exact and strange:
        found.append(f"{strange[0]} beside error is not in the contract")
    return found


def error_statuses(route: Route, code: str) -> tuple[int, ...]:
    """The statuses that a code may have at a route: that of the table, unless the route has another one; 413 for a body over the limit (contract 13)."""
    if code == "INVALID_REQUEST":
        return (400, _TOO_LARGE)
    return (route.statuses.get(code, ERRORS[code]),)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def is_end(event: bytes) -> bool:
    """Whether bytes of a stream are its end marker or a comment, which every stream may have."""
    return event == DONE or event.startswith(b":")
