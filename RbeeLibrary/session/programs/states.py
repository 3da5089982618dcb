"""States of programs, from every point of view."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import CannotJudge, ControlFailed, HttpFailure, UsageError
from ...fleet.supervisor import Process
from ...run.exit_status import ExitStatus
from ..assertions import Hopeless, repeat_until
from ..run import Run
from ..types import ENDED, Daemon, SeenBy, State
from .programs import Programs

LISTS = (("hive", "/v1/workers/list"), ("queen", "/v2/workers/list"))
"""Roles that list workers, and where."""


class StateReader:
    """Reads states: of a program itself, of its hive, of the queen, of the process table.

    Args:
        run: whose programs they are.
        programs: finds them.
    """

    def __init__(self, run: Run, programs: Programs):
        self._run = run
        self._programs = programs

    def read(self, name: str | Daemon, seen_by: SeenBy = SeenBy.itself) -> State:
        """The state of a program at this moment."""
        if seen_by is SeenBy.hive:
            return self._listed(name, self._hive_of(name), "/v1/workers/list")
        if seen_by is SeenBy.queen:
            return self._listed(name, self._queen(), "/v2/workers/list")
        process = self._programs.process(name)
        outside = self._from_outside(process)
        if outside is not State.running or seen_by is SeenBy.process:
            return outside
        return self._ask(self._programs.find(name), process)

    def await_state(
        self, name: str | Daemon, states: tuple[State, ...], deadline: float, *, seen_by: SeenBy = SeenBy.itself, describe: Callable[[], str] = lambda: ""
    ) -> State:
        """Waits for one of several states; the end of the program fails it at once."""
        wanted = " or ".join(state.value for state in states)
        started = time.monotonic()

        def look() -> tuple[State, str | None]:
            state = self.read(name, seen_by)
            return state, None if state in states else self._hopeless(name, states, seen_by)

        state, hopeless = repeat_until(look, lambda seen: seen[0] in states or seen[1] is not None, deadline - started, self._run.supervisor.await_news)
        if state in states:
            return state
        details = describe()
        why = f": {hopeless}" if hopeless else f" within {time.monotonic() - started:.1f} s: it is {state.value}{self._run.held_clock()}"
        raise AssertionError(f"{name} did not reach {wanted}{why}" + (f"; its last lines:\n{details}" if details else ""))

    def check_hope(self, name: str | Daemon, state: State, seen_by: SeenBy) -> None:
        """Raises Hopeless if a program that has ended is expected to reach a living state."""
        reason = self._hopeless(name, (state,), seen_by)
        if reason:
            raise Hopeless(f"{name} cannot become {state.value}: {reason}")

    def _hopeless(self, name: str | Daemon, states: tuple[State, ...], seen_by: SeenBy) -> str | None:
        if seen_by not in (SeenBy.itself, SeenBy.process) or any(state in ENDED for state in states) or State.unreachable in states:
            return None
        process = self._programs.process(name)
        return f"it {ExitStatus(process.exit_code)}" if process.exit_code is not None else None

    def _from_outside(self, process: Process) -> State:
        if process.exit_code is not None:
            return State.exited if process.exit_code >= 0 else State.killed
        if not process.alive:
            return State.exited
        return State.frozen if process.frozen else State.running

    def _ask(self, daemon: Daemon, process: Process) -> State:
        try:
            if daemon.role == "worker":
                return self._worker_state(daemon)
            if daemon.role == "keeper" and daemon.profile is not None:
                return State.running  # it answers nobody, so no more is known of it
            if daemon.role in ("relay", "sshd", "keeper"):
                return self._control_state(process)
            answer = self._programs.probe(daemon, daemon.profile.health if daemon.profile else "/health")
            if not answer.ok and answer.status != 401:
                return State.unreachable
            return State.idle if daemon.profile is not None else self._control_state(process)
        except HttpFailure:
            return State.starting if process.program is not None and process.program.module is not None and process.ready is None else State.unreachable

    def _worker_state(self, daemon: Daemon) -> State:
        answer = self._programs.probe(daemon, "/v1/health")
        if answer.status == 404:
            answer = self._programs.probe(daemon, "/v1/ready")
            return State.idle if answer.object().get("ready") else State.loading
        return as_state(answer.object().get("state"))

    def _control_state(self, process: Process) -> State:
        try:
            return as_state(self._run.supervisor.control(process, {"op": "state"}))
        except (ControlFailed, CannotJudge):
            return State.idle  # a program of another kind: it answers health, more is not known of it

    def _listed(self, name: str | Daemon, who: Daemon, path: str) -> State:
        ids = {str(name), next((one.worker_id for one in self._programs.all() if one.name == str(name)), None)}
        for row in self.rows(who, path):
            if row.get("worker_id", row.get("id")) in ids:
                return as_state(row.get("state"))
        return State.unlisted

    def rows(self, who: Daemon, path: str) -> list[dict[str, object]]:
        """The workers that a hive or queen lists."""
        try:
            answer = self._programs.probe(who, path)
        except HttpFailure as error:
            raise AssertionError(f"{who} did not answer GET {path}: {error}") from None
        if not answer.ok:
            raise AssertionError(f"{who} answered GET {path} with {answer.status}: {answer.body.decode('utf-8', 'replace')[:300]}")
        rows = answer.object().get("workers", [])
        return [row for row in rows if isinstance(row, dict)]

    def listed(self, who: Daemon, path: str, limit: float) -> dict[str, str] | None:
        """State of each worker that a hive or queen lists; None if it does not answer in time."""
        try:
            rows = self._programs.probe(who, path, limit=limit).object().get("workers", [])
        except HttpFailure:
            return None
        return {str(row.get("worker_id", row.get("id"))): str(row.get("state")) for row in rows if isinstance(row, dict)}

    def _hive_of(self, name: str | Daemon) -> Daemon:
        owner = self._programs.owner_of(self._programs.find(name))
        if owner is None:
            raise UsageError(f"{name} was not started by a hive, so no hive can see it")
        return owner

    def _queen(self) -> Daemon:
        queens = self._programs.of_role("queen")
        if not queens:
            raise UsageError("there is no queen that could see it: start one with Start Queen")
        return queens[0]


def as_state(value: object) -> State:
    """A state as a program reports it.

    Raises:
        AssertionError: rbee has no such state.
    """
    try:
        return State(value)
    except ValueError:
        raise AssertionError(f"the state {value!r} is none that rbee knows") from None
