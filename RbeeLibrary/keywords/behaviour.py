"""The keyword that judges what a whole fleet did."""

import time
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ..report.fleet_rules import HEALING, Finding, History, Rule, misbehaviour
from ..session.session import Session, seconds
from ..session.types import Mark
from .journal import JournalKeywords


class BehaviourKeywords:
    """One keyword of the group Journal.

    Args:
        context: the run.
        journals: reads what the programs wrote.
    """

    def __init__(self, context: Session, journals: JournalKeywords):
        self._context = context
        self._journals = journals

    @keyword
    def fleet_should_have_behaved(self, *allowed: Rule, since: Mark | None = None, within: timedelta | None = None) -> None:
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
        if not self._context.is_running:
            return
        began = since.ns if since is not None else self._context.scene_began
        deadline = time.monotonic() + seconds(within, self._context.settings.now.within)
        while findings := [finding for finding in self._findings(began) if finding.rule not in allowed]:
            if any(finding.rule not in HEALING for finding in findings) or time.monotonic() >= deadline:
                break
            self._context.supervisor.await_news(0.02)
        if findings:
            raise AssertionError("\n".join([f"the fleet misbehaved, findings: {len(findings)}", *(one.shown(began) for one in findings)]))
        logger.info("the fleet behaved")

    def _findings(self, since: int) -> list[Finding]:
        return misbehaviour(History(self._journals.settled(tokens=False)), since)
