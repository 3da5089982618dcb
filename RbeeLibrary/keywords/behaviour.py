"""The group Judgement: whether a whole fleet behaved, and whether its tokens add up."""

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..report.fleet_rules import FleetRule
from ..session.session import Session
from ..session.types import Mark, TokenTexts


class BehaviourKeywords:
    """Part of the group Judgement: what a whole fleet did."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    def fleet_should_have_behaved(self, *allowed: FleetRule, since: Mark | None = None, within: timedelta | None = None) -> None:
        """Judges by rules what all programs of the test did together; meant for the teardown of tests.

        | rule | broken when |
        |---|---|
        | `routed before ready` | a queen or keeper sends an inference to a worker that is starting or loading (contract 3.1) |
        | `callback before listening` | a worker says that it is ready before its port accepts (6.4) |
        | `too many in flight` | a worker runs more requests than it has slots (6.5) |
        | `request while draining` | a worker takes a request, or a hive a spawn, after its draining began (6.8, 16) |
        | `stream end` | the stream of a worker has no end marker, or two; one that is cut by the test, its client or the drain limit owes none (12) |
        | `truncated as complete` | a queen ends a stream with an end marker that the worker did not send (7.4) |
        | `cascade order` | a queen ends before a hive that it has told to end (16) |
        | `outlived its hive` | a worker is alive when its hive has ended gracefully (16) |
        | `cancel not passed on` | a cancellation reaches the queen, and the worker goes on (7.3) |
        | `retried too soon` | a queen or keeper asks a busy worker again before the `Retry-After` that it was told (7.1) |

        What the test itself killed or froze is excused.

        Args:
            allowed: Rules that may be broken in this test, because it injects a fault that breaks them.
            since: Judges only what happened since this mark, from `Mark Journal`; default: since the test began.
            within: Patience in real time with a cancellation that is still under way; the default is the library's.

        Raises:
            AssertionError: a rule was broken; the message has the records that show it.
        """
        run = self._session.run
        if not run.is_running:
            return
        began = since.ns if since is not None else run.scene_began
        findings = self._session.judge.broken_rules(began, allowed, self._session.settings.within(within))
        if findings:
            raise AssertionError("\n".join([f"the fleet misbehaved, findings: {len(findings)}", *(one.shown(began) for one in findings)]))
        logger.info("the fleet behaved")

    @keyword
    def tokens_should_add_up(self, *, texts: TokenTexts = TokenTexts.any, since: Mark | None = None) -> None:
        """Judges the tokens of all inferences of the test, one by one. Contract 6.5, 7.4.

        Nobody has a token that no worker wrote, none was written twice or left out, an inference that is done has all of them, one worker answered it, and it
        has ended.

        Args:
            texts: `generated`: the texts have to be those that workers generate from prompt, seed and index as well; `any`: they answer something else.
            since: Judges only inferences that were submitted since this mark, from `Mark Journal`; default: since the test began.

        Raises:
            AssertionError: something does not add up; the message has it all.
        """
        began = since.ns if since is not None else self._session.run.scene_began
        found = self._session.judge.wrong_tokens(began, texts)
        if found:
            raise AssertionError("\n".join([f"the tokens do not add up, findings: {len(found)}", *found]))
        logger.info("the tokens add up")
