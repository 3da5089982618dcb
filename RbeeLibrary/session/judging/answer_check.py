"""Compares single HTTP answers with the contract, and with what real programs answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError
from ...protocol.json_text import read_json
from ...protocol.profiles import Profile
from ...protocol.schema.conformity import wrong_answer
from ...protocol.schema.real_answers import PROGRAMS, REAL_ROUTES, wrong_real_answer
from ...protocol.schema.routes import SERVICES, Route, find_route
from ...protocol.sse import CONTENT_TYPE, Parser
from ..types import AnswerProfile

_OF_REAL = "of a real program: "


@dataclass(frozen=True)
class SeenAnswer:
    """An HTTP answer, and the request that it belongs to.

    Args:
        method: of the request.
        path: of the request, without query string.
        status: of the answer.
        headers: of the answer, names in lower case.
        body: of the answer.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    def value(self) -> Any:
        """The body as its content type says: events, JSON, None if it is empty, otherwise bytes.

        Raises:
            ValueError: the body is not what its content type says.
        """
        kind = self.headers.get("content-type", "")
        if kind.startswith(CONTENT_TYPE):
            parser = Parser()
            events = parser.feed(self.body)
            if parser.rest:
                raise ValueError(f"the stream ended inside an event: {parser.rest[:80]}")
            return events
        if not self.body:
            return None
        if not kind.startswith("application/json"):
            return self.body
        try:
            return read_json(self.body)
        except ValueError as error:
            raise ValueError(f"the body is no JSON: {error}") from None


def check_answer(
    answer: SeenAnswer, service: str | None, program: Profile | None, *, is_fake: bool, exact: bool | None, profile: AnswerProfile | None
) -> tuple[AnswerProfile, str]:
    """Checks an answer; returns what it fits, and that as a sentence.

    Args:
        answer: to be checked.
        service: queen, hive, worker or hub; None = the only one with this route.
        program: profile of the real program that answered, if it is one of this run.
        is_fake: whether a fake of this run answered.
        exact: whether unknown fields and another order of fields are errors; None = for fakes.
        profile: what it is compared with; None = the contract for a fake, one of both for others.

    Raises:
        AssertionError: it fits neither.
        UsageError: it is not known what would be right.
    """
    section, findings = "", []
    if profile is not AnswerProfile.real:
        route = _route(service, answer, must_exist=is_fake or profile is not None)
        if route is None:
            findings = [f"a {service} has no route {answer.method} {answer.path}"]
        else:
            section = f" ({route.section})"
            findings = _findings(answer, lambda value: wrong_answer(route, answer.status, value, exact=is_fake if exact is None else exact))
        if not findings:
            return AnswerProfile.contract, f"{answer} matches the contract{section}"
    if profile is AnswerProfile.real or (profile is None and not is_fake):
        of_real = _wrong_of_real(answer, service, program, required=profile is not None)
        if of_real == []:
            return AnswerProfile.real, f"{answer} is what a real program answers{f', and off the contract{section}' if profile is None else ''}"
        findings += [f"{_OF_REAL}{text}" for text in of_real or ()]
    raise AssertionError("\n".join([f"{answer} is off the contract{section}, findings: {len(findings)}", *findings]))


def _route(service: str | None, answer: SeenAnswer, *, must_exist: bool) -> Route | None:
    method, path = answer.method, answer.path
    names = [service] if service in SERVICES else [name for name in SERVICES if name != "hub" and find_route(name, method, path)]
    if not names:
        raise UsageError(f"no service has a route {method} {path}; the contract lists them in sections 4.2, 5.2, 6.2 and 9.2")
    if len(names) > 1:
        raise UsageError(f"{method} {path} is a route of {' and of '.join(map(str, names))}: set of= to the one that answered")
    route = find_route(str(names[0]), method, path)
    if route is None and must_exist:
        raise UsageError(f"a {names[0]} has no route {method} {path}")
    return route


def _wrong_of_real(answer: SeenAnswer, service: str | None, program: Profile | None, *, required: bool) -> list[str] | None:
    """Deviations from what real programs answer, of the program that is nearest; None = nothing is known of them."""
    if program is not None:
        names = [program.name]
    elif service is not None:
        names = list(PROGRAMS.get(service, ()))
    else:
        names = [name for name, routes in REAL_ROUTES.items() if any(route.path == answer.path for route in routes)]
    known = [name for name in names if name in REAL_ROUTES]
    if not known and required:
        raise UsageError(f"it is not known what {program.name if program else f'a real {service}'} answers, expected one of {', '.join(REAL_ROUTES)}")
    allow = answer.headers.get("allow")
    candidates = [
        _findings(answer, lambda value, name=name: wrong_real_answer(name, answer.method, answer.path, answer.status, allow, value)) for name in known
    ]
    return min(candidates, key=len, default=None)


def _findings(answer: SeenAnswer, wrong: Any) -> list[str]:
    try:
        return list(wrong(answer.value()))
    except ValueError as error:
        return [str(error)]
