"""Judges what a fleet did: rules over its journals, token accounting, and what fakes found wrong with themselves."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...journal.reader import entries
from ...report.history import History, role_of
from ...report.rules.fleet_rules import HEALING, NEED_THE_INSIDE, Finding, FleetRule, misbehaviour
from ...report.rules.registrations import MINUTE, KnownWorker, Observer, not_converged
from ...report.rules.token_accounting import Submitted, wrong_tokens
from ..assertions import repeat_until
from ..inference.inference_client import OVER
from ..inference.inferences import Inferences
from ..journals import Journals
from ..programs.programs import Programs
from ..programs.states import LISTS, StateReader
from ..run import Run
from ..types import Mark, TokenTexts

_LIST_LIMIT = 1.0


class Judge:
    """Finds what is wrong with a fleet.

    Args:
        run: whose programs are judged.
        journals: what they wrote.
        inferences: what was submitted.
        programs: finds programs by name.
        states: reads what queens and hives list.
    """

    def __init__(self, run: Run, journals: Journals, inferences: Inferences, programs: Programs, states: StateReader):
        self._run = run
        self._programs = programs
        self._states = states
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
            history = History(self._journals.settled(tokens=False))
            findings = [*misbehaviour(history, since), *self.not_converged(history)]
            return [finding for finding in findings if finding.rule not in allowed]

        def is_final(findings: list[Finding]) -> bool:
            return not findings or any(finding.rule not in HEALING for finding in findings)

        return repeat_until(look, is_final, limit, self._run.supervisor.await_news)

    def not_converged(self, history: History) -> list[Finding]:
        """What queens and hives list against the process table; nobody is asked before a minute of the run's clock has passed in the test."""
        now = self._run.coordinator.clock.now()
        if now - self._run.scene_clock <= MINUTE:
            return []
        processes = {process.name: process for process in self._run.supervisor.processes()}
        living = {name: process.alive and not process.frozen for name, process in processes.items()}
        observers = []
        for role, path in LISTS:
            for daemon in self._programs.of_role(role):
                if living.get(daemon.name) and daemon.profile is None and (rows := self._states.listed(daemon, path, _LIST_LIMIT)) is not None:
                    observers.append(Observer(daemon.name, role, frozenset(rows)))
        workers = [
            KnownWorker(name, self._programs.look_at(name).owner, living[name])
            for name, process in processes.items()
            if process.role == "worker" and not self._programs.is_real(name)
        ]
        return list(not_converged(history, observers, workers, living, now))

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
        noticed = _noticed("off_contract", journals, since)
        return list(dict.fromkeys(f"{name} {one['method']} {one['path']} {one['status']}: {one['problem']}" for name, one in noticed))

    def own_errors(self, journals: list[tuple[str, Path]], since: int) -> list[str]:
        """Background jobs of fakes that have ended with an error of their own; arguments as for `off_contract`."""
        return list(dict.fromkeys(f"{name}, job {one['thread']}: {one['problem']}" for name, one in _noticed("own_error", journals, since)))


def _noticed(kind: str, journals: list[tuple[str, Path]], since: int) -> list[tuple[str, dict[str, Any]]]:
    """Names of programs with their records of a kind, in order of time."""
    wanted = f'"record":"{kind}"'.encode()
    found = [
        (name, entry)
        for name, path in journals
        if wanted in path.read_bytes()
        for entry in entries(path, tokens=False)
        if entry.get("record") == kind and entry["ns"] >= since
    ]
    return sorted(found, key=lambda one: int(one[1]["ns"]))
