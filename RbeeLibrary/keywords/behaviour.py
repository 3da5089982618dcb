"""The group Judgement: checks of the behaviour of a whole fleet and of its tokens."""

from robot.api import logger
from robot.api.deco import keyword

from ..report.rules.fleet_rules import FleetRule
from ..session.session import Session
from ..session.types import Mark, TokenTexts
from .argument_types import Span


class BehaviourKeywords:
    """Keywords of the group Judgement that check a whole fleet."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def fleet_should_have_behaved(self, *allowed: FleetRule, since: Mark = None, within: Span = None) -> None:
        """Checks the behaviour of all programs of the test against rules; meant for test teardowns.

        | rule | broken when |
        |---|---|
        | `routed before ready` | a queen or keeper sends an inference to a worker that is starting or loading (contract 3.1) |
        | `callback before listening` | a worker sends its ready callback before its port accepts (6.4) |
        | `too many in flight` | a worker runs more requests than it has slots (6.5) |
        | `request while draining` | a worker accepts a request, or a hive a spawn, after it has begun to drain (6.8, 16) |
        | `stream end` | the stream of a worker has no end marker, or two; a stream cut by the test, its client or the drain limit needs none (12) |
        | `truncated as complete` | a queen ends a stream with an end marker that the worker did not send (7.4) |
        | `cascade order` | a queen ends before a hive that it has ordered to shut down (16) |
        | `outlived its hive` | a worker is alive after its hive has ended gracefully (16) |
        | `cancel not passed on` | the queen receives a cancellation and the worker goes on (7.3) |
        | `retried too soon` | a queen or keeper retries at a busy worker before its `Retry-After` has passed (7.1) |
        | `registration` | a minute of the clock after the last disturbance, a list has a worker that is gone, or lacks one that sends heartbeats (4.2) |

        Consequences of a kill or freeze by the test itself are not reported.

        Args:
            allowed: Rules that may be broken, because the test injects a fault that breaks them.
            since: Only events after this mark, from `Mark Journal`; default: all of the test.
            within: How long to wait for a cancellation under way, in real time; default: the library's `within`.

        Raises:
            AssertionError: a rule was broken; the message has the records that prove it.
        """
        run = self._session.run
        if not run.is_running:
            return
        began = since.ns if since is not None else run.scene_began
        findings = self._session.judge.broken_rules(began, allowed, self._session.settings.within(within))
        if findings:
            raise AssertionError("\n".join([f"the fleet misbehaved, findings: {len(findings)}", *(one.shown(began) for one in findings)]))
        unjudged = self._session.judge.unjudged()
        logger.info("the fleet behaved" + (f"; not judged, because a real program does not tell enough: {', '.join(unjudged)}" if unjudged else ""))

    @keyword
    def tokens_should_add_up(self, *, texts: TokenTexts = TokenTexts.any, since: Mark = None) -> None:
        """Compares the tokens that clients received with those that workers recorded, for all inferences of the test. Contract 6.5, 7.4.

        Every inference has ended and was answered by one worker. No token is duplicated, missing or invented, and an inference that is done has all of them.

        Args:
            texts: `generated`: the texts, too, have to be those that workers generate from prompt, seed and index; `any`: texts are not compared.
            since: Only inferences submitted after this mark, from `Mark Journal`; default: all of the test.

        Raises:
            AssertionError: there are discrepancies; the message lists all of them.
        """
        began = since.ns if since is not None else self._session.run.scene_began
        findings = self._session.judge.wrong_tokens(began, texts)
        if findings:
            raise AssertionError("\n".join([f"the tokens do not add up, findings: {len(findings)}", *findings]))
        logger.info("the tokens add up")
