"""Judges what a fleet did: rules over its journals, token accounting, and what fakes found wrong with themselves."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ...journal.reader import entries
from ...report.fleet_rules import HEALING, NEED_THE_INSIDE, Finding, FleetRule, misbehaviour
from ...report.history import History, role_of
from ...report.token_accounting import Submitted, wrong_tokens
from ..assertions import repeat_until
from ..inference.inference_client import OVER
from ..inference.inferences import Inferences
from ..journals import Journals
from ..run import Run
from ..types import Mark, TokenTexts

_OFF_CONTRACT = b'"record":"off_contract"'


class Judge:
    """Finds what is wrong with a fleet.

    Args:
        run: whose programs are judged.
        journals: what they wrote.
        inferences: what was submitted.
    """

    def __init__(self, run: Run, journals: Journals, inferences: Inferences):
        self._run = run
        self._journals = journals
        self._inferences = inferences

    def broken_rules(self, since: int, allowed: Collection[FleetRule], limit: float) -> list[Finding]:
        """Broken rules of the fleet.

        Args:
            since: only what happened after this moment, monotonic nanoseconds.
            allowed: rules that may be broken.
            limit: seconds of real time for rules that may be kept a moment later.
        """

        def look() -> list[Finding]:
            findings = misbehaviour(History(self._journals.settled(tokens=False)), since)
            return [finding for finding in findings if finding.rule not in allowed]

        def is_final(findings: list[Finding]) -> bool:
            return not findings or any(finding.rule not in HEALING for finding in findings)

        return repeat_until(look, is_final, limit, self._run.supervisor.await_news)

    def unjudged(self) -> list[str]:
        """Rules that cannot be judged, because a real program does not tell what they need."""
        recorded = self._journals.records(None, ("recorded",), tokens=False)
        workers = sorted({record["name"] for record in recorded if role_of(record) == "worker"})
        return [f"{rule.value} ({', '.join(workers)})" for rule in NEED_THE_INSIDE] if workers else []

    def wrong_tokens(self, since: int, texts: TokenTexts) -> list[str]:
        """What does not add up between the tokens that workers wrote and those that clients have."""
        submitted = [
            Submitted(one.id, one.prompt, one.state.value, one.state in OVER, tuple(token.text for token in one.tokens), one.wanted, one.seed)
            for one in self._inferences.all()
            if one.started_at * 1e9 >= since
        ]
        records = self._journals.records(since=Mark(since))
        history = History(records)
        known_as = {str(one.request_id): first for one in history.inferences() if (first := history.request_of(one)) not in (None, one.request_id)}
        return wrong_tokens(submitted, records, as_generated=texts is TokenTexts.generated, known_as=known_as)

    def journals_to_check(self) -> list[tuple[str, Path]]:
        """Names and journals of all programs; taken before they end and are forgotten."""
        return [(name, path) for name in {process.name for process in self._run.supervisor.processes()} for path in self._journals.paths(name)]

    def off_contract(self, journals: list[tuple[str, Path]], since: int) -> list[str]:
        """What fakes have sent against their contract since a moment; they noticed it themselves.

        Args:
            journals: from `journals_to_check`.
            since: monotonic nanoseconds.
        """
        found = [
            (entry["ns"], f"{name} {entry['method']} {entry['path']} {entry['status']}: {entry['problem']}")
            for name, path in journals
            if _OFF_CONTRACT in path.read_bytes()
            for entry in entries(path, tokens=False)
            if entry.get("record") == "off_contract" and entry["ns"] >= since
        ]
        return list(dict.fromkeys(line for _, line in sorted(found)))
