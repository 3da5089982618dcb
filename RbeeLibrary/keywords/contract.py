"""The group Judgement: checks of single responses against the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from robot.api import logger
from robot.api.deco import keyword

from ..errors import UsageError
from ..protocol.json_text import read_json
from ..protocol.sse import CONTENT_TYPE, Parser
from ..session.inference.inference_client import OVER, Inference
from ..session.session import Session
from ..session.types import Daemon, ServiceKind

if TYPE_CHECKING:
    from requests import Response

    from ..protocol.schema.routes import Route


class ContractKeywords:
    """Keywords of the group Judgement that check single responses."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def answer_should_match_contract(self, answer: Any, *, of: ServiceKind | Daemon | None = None, exact: bool | None = None) -> None:
        """Checks an HTTP answer against the contract: status, fields with types and order, events, error codes (sections 4 to 6, 9, 12, 13).

        It is checked against the description that fakes serve at `/openapi.json`, and in addition for order of fields, events, and the status of error codes.

        ```robotframework
        ${answer} =    GET    ${real_hive}/v1/workers/list
        Answer Should Match Contract    ${answer}    of=hive
        ```

        Args:
            answer: Answer from RequestsLibrary, or inference from `Submit Inference`.
            of: Service (queen, hive, worker, hub) or program that answered; default: the program at the URL, else the only service with this route.
            exact: Whether unknown fields and another order of fields are errors; default: yes for a fake of this run, no for others.

        Raises:
            AssertionError: the answer violates the contract; the message lists all findings.
        """
        method, url, status, headers, body = _parts(answer)
        daemon = self._session.programs.find(of) if isinstance(of, Daemon) else self._daemon_at(url)
        service = of.value if isinstance(of, ServiceKind) else daemon.role if daemon is not None else None
        route = _route(service, method, urlsplit(url).path)
        if exact is None:
            exact = daemon is not None
        findings = _wrong(route, status, headers, body, exact)
        if findings:
            raise AssertionError(
                "\n".join([f"{method} {urlsplit(url).path} {status} is off the contract ({route.section}), findings: {len(findings)}", *findings])
            )
        logger.info(f"{method} {urlsplit(url).path} {status} matches the contract ({route.section})")

    def _daemon_at(self, url: str) -> Daemon | None:
        address = urlsplit(url).netloc
        if not self._session.run.is_running:
            return None
        return next((one for role in ServiceKind for one in self._session.programs.of_role(role.value) if urlsplit(one.url).netloc == address), None)


def _parts(answer: Any) -> tuple[str, str, int, dict[str, str], bytes]:
    if isinstance(answer, Inference):
        if answer.state not in OVER or answer.status is None:
            raise UsageError(f"{answer} is {answer.state.value}: wait until it ends")
        return "POST", answer.url, answer.status, answer.headers, answer.raw
    try:
        response: Response = answer
        headers = {name.lower(): value for name, value in response.headers.items()}
        return str(response.request.method), str(response.request.url), response.status_code, headers, response.content
    except AttributeError:
        raise UsageError(f"a {type(answer).__name__} is no answer: expected an answer from RequestsLibrary, or an inference from Submit Inference") from None


def _route(service: str | None, method: str, path: str) -> Route:
    from ..protocol.schema.routes import SERVICES, find_route

    names = [service] if service in SERVICES else [name for name in SERVICES if name != "hub" and find_route(name, method, path)]
    if not names:
        raise UsageError(f"no service has a route {method} {path}; the contract lists them in sections 4.2, 5.2, 6.2 and 9.2")
    if len(names) > 1:
        raise UsageError(f"{method} {path} is a route of {' and of '.join(names)}: set of= to the one that answered")
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
        cut = [f"the stream ended inside an event: {parser.rest[:80]}"] if parser.rest else []
        return cut + wrong_answer(route, status, events, exact=exact)
    if not body:
        return wrong_answer(route, status, None, exact=exact)
    if not kind.startswith("application/json"):
        return wrong_answer(route, status, body, exact=exact)
    try:
        return wrong_answer(route, status, read_json(body), exact=exact)
    except ValueError as error:
        return [f"the body is no JSON: {error}"]
