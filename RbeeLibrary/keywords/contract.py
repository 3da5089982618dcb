"""The group Judgement: checks of single responses against the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from robot.api import logger
from robot.api.deco import keyword

from ..errors import UsageError
from ..session.inference.inference_client import OVER, Inference
from ..session.session import Session
from ..session.types import AnswerProfile, Daemon, ServiceKind

if TYPE_CHECKING:
    from requests import Response

    from ..session.judging.answer_check import SeenAnswer


class ContractKeywords:
    """Keywords of the group Judgement that check single responses."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def answer_should_match_contract(
        self, answer: Any, *, of: ServiceKind | Daemon | None = None, exact: bool | None = None, profile: AnswerProfile | None = None
    ) -> str:
        """Checks an HTTP answer against the contract: status, fields with types and order, events, error codes (sections 4 to 6, 9, 12, 13).

        It is checked against the description that fakes serve at `/openapi.json`, and in addition for order of fields, events, and the status of error codes.
        What real programs of the origin's time answer differs from the contract (section 17): errors in plain text, status 422, no body with 404 and 405,
        narration events. `profile=real` checks against that.

        ```robotframework
        ${answer} =    GET    ${real_hive}/v1/workers/list
        ${fits} =    Answer Should Match Contract    ${answer}    of=hive
        Should Be Equal    ${fits}    real
        ```

        Args:
            answer: Answer from RequestsLibrary, or inference from `Submit Inference`.
            of: Service (queen, hive, worker, hub) or program that answered; default: the program at the URL, else the only service with this route.
            exact: Whether unknown fields and another order of fields are errors; default: yes for a fake of this run, no for others.
            profile: What it is compared with, contract or real; default: the contract for a fake of this run, one of both for others.

        Returns:
            `contract` or `real`: which of the two the answer fits; `contract` if it fits both.

        Raises:
            AssertionError: the answer violates the contract; the message lists all findings.
        """
        from ..session.judging.answer_check import check_answer

        said, url = _parts(answer)
        daemon = self._session.programs.find(of) if isinstance(of, Daemon) else self._daemon_at(url)
        service = of.value if isinstance(of, ServiceKind) else daemon.role if daemon is not None else None
        program = daemon.profile if daemon is not None else None
        is_fake = daemon is not None and program is None
        fits, sentence = check_answer(said, service, program, is_fake=is_fake, exact=exact, profile=profile)
        logger.info(sentence)
        return fits.value

    def _daemon_at(self, url: str) -> Daemon | None:
        address = urlsplit(url).netloc
        if not self._session.run.is_running:
            return None
        return next((one for role in ServiceKind for one in self._session.programs.of_role(role.value) if urlsplit(one.url).netloc == address), None)


def _parts(answer: Any) -> tuple[SeenAnswer, str]:
    """The answer, and the URL that it came from."""
    from ..session.judging.answer_check import SeenAnswer

    if isinstance(answer, Inference):
        if answer.state not in OVER or answer.status is None:
            raise UsageError(f"{answer} is {answer.state.value}: wait until it ends")
        return SeenAnswer("POST", urlsplit(answer.url).path, answer.status, answer.headers, answer.raw), answer.url
    try:
        response: Response = answer
        headers = {name.lower(): value for name, value in response.headers.items()}
        url = str(response.request.url)
        return SeenAnswer(str(response.request.method), urlsplit(url).path, response.status_code, headers, response.content), url
    except AttributeError:
        raise UsageError(f"a {type(answer).__name__} is no answer: expected an answer from RequestsLibrary, or an inference from Submit Inference") from None
