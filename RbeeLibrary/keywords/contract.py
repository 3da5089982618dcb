"""The group Judgement: whether an answer is what the contract says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from robot.api import logger
from robot.api.deco import keyword

from ..errors import UsageError
from ..protocol.sse import CONTENT_TYPE, Parser
from ..session.inference_client import OVER, Inference
from ..session.session import Session
from ..session.types import Daemon, Service

if TYPE_CHECKING:
    from requests import Response

    from ..protocol.schema.routes import Route


class ContractKeywords:
    """Part of the group Judgement: single answers."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def answer_should_match_contract(self, answer: Any, *, of: Service | Daemon | None = None, exact: bool | None = None) -> None:
        """Checks an answer against the contract: status, fields, their types and order, events, error codes (sections 4 to 6, 9, 12, 13).

        The description is the one that a fake serves at `/openapi.json`; order of fields, events and pairs of code and status are judged besides.

        ```robotframework
        ${answer} =    GET    ${real_hive}/v1/workers/list
        Answer Should Match Contract    ${answer}    of=hive
        ```

        Args:
            answer: An answer of RequestsLibrary, or an inference from `Submit Inference`.
            of: Queen, hive, worker, hub, or a program: who answered. Default: the program of this run that was asked, else the only service with such a route.
            exact: Whether fields that the contract does not know, and another order, are wrong as well; default: yes for a fake of this run, no for all others.

        Raises:
            AssertionError: the answer is not what the contract says; all findings are in the message.
        """
        method, url, status, headers, body = _parts(answer)
        daemon = self._session.programs.find(of) if isinstance(of, Daemon) else self._asked(url)
        service = of.value if isinstance(of, Service) else daemon.role if daemon is not None else None
        route = _route(service, method, urlsplit(url).path)
        if exact is None:
            exact = daemon is not None
        found = _wrong(route, status, headers, body, exact)
        if found:
            raise AssertionError("\n".join([f"{method} {urlsplit(url).path} {status} is off the contract ({route.section}), findings: {len(found)}", *found]))
        logger.info(f"{method} {urlsplit(url).path} {status} is what the contract says ({route.section})")

    def _asked(self, url: str) -> Daemon | None:
        address = urlsplit(url).netloc
        if not self._session.run.is_running:
            return None
        return next((one for role in Service for one in self._session.programs.of_role(role.value) if urlsplit(one.url).netloc == address), None)


def _parts(answer: Any) -> tuple[str, str, int, dict[str, str], bytes]:
    if isinstance(answer, Inference):
        if answer.state not in OVER or answer.status is None:
            raise UsageError(f"{answer} is {answer.state.value}: wait until it ends")
        return "POST", answer.url, answer.status, answer.headers, answer.raw
    try:
        said: Response = answer
        headers = {name.lower(): value for name, value in said.headers.items()}
        return str(said.request.method), str(said.request.url), said.status_code, headers, said.content
    except AttributeError:
        raise UsageError(f"a {type(answer).__name__} is no answer: expected one of RequestsLibrary, or an inference from Submit Inference") from None


def _route(service: str | None, method: str, path: str) -> Route:
    from ..protocol.schema.routes import SERVICES, find_route

    names = [service] if service in SERVICES else [name for name in SERVICES if name != "hub" and find_route(name, method, path)]
    if not names:
        raise UsageError(f"no service has a route {method} {path}; the contract lists them in sections 4.2, 5.2, 6.2 and 9.2")
    if len(names) > 1:
        raise UsageError(f"{method} {path} is a route of {' and of '.join(names)}: say which one answered, with of=")
    route = find_route(names[0], method, path)
    if route is None:
        raise UsageError(f"a {names[0]} has no route {method} {path}")
    return route


def _wrong(route: Route, status: int, headers: dict[str, str], body: bytes, exact: bool) -> list[str]:
    from ..protocol.schema.conformity import wrong_answer

    kind = headers.get("content-type", "")
    if kind.startswith(CONTENT_TYPE):
        parser = Parser()
        events = parser.feed(body)
        cut = [f"the stream broke off inside an event: {parser.rest[:80]}"] if parser.rest else []
        return cut + wrong_answer(route, status, events, exact=exact)
    if not body:
        return wrong_answer(route, status, None, exact=exact)
    if not kind.startswith("application/json"):
        return wrong_answer(route, status, body, exact=exact)
    try:
        return wrong_answer(route, status, json.loads(body), exact=exact)
    except ValueError as error:
        return [f"the body is no JSON: {error}"]
