"""The group State: what programs are doing, and who says so."""

import time
from collections.abc import Callable
from datetime import timedelta

from robot.api.deco import keyword

from ..fleet.supervisor import Process, ending
from ..net.http_client import HttpFailure
from ..session.assertions import Check, Hopeless, UsageError
from ..session.session import Session, seconds
from ..session.types import ENDED, Daemon, SeenBy, State
from .option_arguments import asserting


class StateReader:
    """Asks about states, from every point of view."""

    def __init__(self, context: Session):
        self._context = context

    def read(self, name: str | Daemon, seen_by: SeenBy = SeenBy.itself) -> State:
        """The state of a program at this moment."""
        if seen_by is SeenBy.hive:
            return self._listed(name, self._hive_of(name), "/v1/workers/list")
        if seen_by is SeenBy.queen:
            return self._listed(name, self._queen(), "/v2/workers/list")
        process = self._context.process(name)
        outside = self._from_outside(process)
        if outside is not State.running or seen_by is SeenBy.process:
            return outside
        return self._asked(self._context.find(name), process)

    def await_state(
        self, name: str | Daemon, states: tuple[State, ...], deadline: float, *, seen_by: SeenBy = SeenBy.itself, describe: Callable[[], str] = lambda: ""
    ) -> State:
        """Waits for one of several states; the end of the program fails it at once."""
        wanted = " or ".join(state.value for state in states)
        started = time.monotonic()
        pause = 0.002
        while True:
            state = self.read(name, seen_by)
            if state in states:
                return state
            hopeless = self._hopeless(name, states, seen_by)
            left = deadline - time.monotonic()
            if hopeless or left <= 0:
                why = hopeless or f"it is {state.value}"
                details = describe()
                raise AssertionError(
                    f"{name} did not reach {wanted} within {time.monotonic() - started:.1f} s: {why}" + (f"; its last lines:\n{details}" if details else "")
                )
            self._context.supervisor.await_news(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    def check_hope(self, name: str | Daemon, state: State, seen_by: SeenBy) -> None:
        """Raises Hopeless if a program that has ended is expected to reach a living state."""
        reason = self._hopeless(name, (state,), seen_by)
        if reason:
            raise Hopeless(f"{name} cannot become {state.value}: {reason}")

    def _hopeless(self, name: str | Daemon, states: tuple[State, ...], seen_by: SeenBy) -> str | None:
        if seen_by not in (SeenBy.itself, SeenBy.process) or any(state in ENDED for state in states) or State.unreachable in states:
            return None
        process = self._context.process(name)
        return f"it {ending(process.exit_code)}" if process.exit_code is not None else None

    def _from_outside(self, process: Process) -> State:
        if process.exit_code is not None:
            return State.exited if process.exit_code >= 0 else State.killed
        if not process.alive:
            return State.exited
        return State.frozen if process.frozen else State.running

    def _asked(self, daemon: Daemon, process: Process) -> State:
        try:
            if daemon.role == "worker":
                return self._worker_state(daemon)
            if daemon.role in ("relay", "sshd", "keeper"):
                return self._daemon_state(process)
            answer = self._context.ask(daemon, "GET", "/health")
            if not answer.ok and answer.status != 401:
                return State.unreachable
            return self._daemon_state(process)
        except HttpFailure:
            return State.starting if process.program is not None and process.program.module is not None and process.ready is None else State.unreachable

    def _worker_state(self, daemon: Daemon) -> State:
        answer = self._context.ask(daemon, "GET", "/v1/health")
        if answer.status == 404:
            answer = self._context.ask(daemon, "GET", "/v1/ready")
            return State.idle if answer.object().get("ready") else State.loading
        return _state(answer.object().get("state"))

    def _daemon_state(self, process: Process) -> State:
        try:
            return _state(self._context.supervisor.control(process, {"op": "state"}))
        except RuntimeError:
            return State.idle  # a real program: it answers health, more is not known of it

    def _listed(self, name: str | Daemon, who: Daemon, path: str) -> State:
        worker_id = str(name)
        for row in self.rows(who, path):
            if row.get("worker_id", row.get("id")) == worker_id:
                return _state(row.get("state"))
        return State.unlisted

    def rows(self, who: Daemon, path: str) -> list[dict[str, object]]:
        """The workers that a hive or queen lists."""
        try:
            answer = self._context.ask(who, "GET", path)
        except HttpFailure as error:
            raise AssertionError(f"{who} did not answer GET {path}: {error}") from None
        if not answer.ok:
            raise AssertionError(f"{who} answered GET {path} with {answer.status}: {answer.body.decode('utf-8', 'replace')[:300]}")
        rows = answer.object().get("workers", [])
        return [row for row in rows if isinstance(row, dict)]

    def listed(self, who: Daemon, path: str, limit: float) -> dict[str, str] | None:
        """State of each worker that a hive or queen lists; None if it does not answer in time."""
        try:
            rows = self._context.ask(who, "GET", path, limit=limit).object().get("workers", [])
        except HttpFailure:
            return None
        return {str(row.get("worker_id", row.get("id"))): str(row.get("state")) for row in rows if isinstance(row, dict)}

    def _hive_of(self, name: str | Daemon) -> Daemon:
        owner = self._context.owner_of(self._context.find(name))
        if owner is None:
            raise UsageError(f"{name} was not started by a hive, so no hive can see it")
        return owner

    def _queen(self) -> Daemon:
        queens = self._context.daemons("queen")
        if not queens:
            raise UsageError("there is no queen that could see it: start one with Start Queen")
        return queens[0]


class StateKeywords:
    """The group State."""

    def __init__(self, context: Session, reader: StateReader):
        self._context = context
        self._reader = reader

    @keyword
    def get_daemon(self, name: str) -> Daemon:
        """Returns a program by its name, for its `url`, `port`, `pid`, `name` and `role`.

        Args:
            name: Name of a program; also of a worker that a queen or hive started by itself.

        Returns:
            The daemon, as the `Start ...` keywords return it.

        Raises:
            UsageError: there is none of this name.
        """
        return self._context.find(name)

    @keyword
    @asserting(State, "the state")
    def get_state(self, name: str | Daemon, *, seen_by: SeenBy = SeenBy.itself, check: Check) -> State:
        """Reads the state of a program, and checks it if an operator is given.

        Registries lag: `seen_by` says whose truth is meant. While a living state is waited for, the end of the program fails the keyword at once.

        Args:
            name: Name or object of a program.
            seen_by: Who is asked: the program itself, its hive, the queen, or the process table.

        Returns:
            The state.
        """

        def read() -> State:
            state = self._reader.read(name, seen_by)
            if check.operator == "==" and check.expected is not None and state is not check.expected:
                self._reader.check_hope(name, check.expected, seen_by)
            return state

        whose = "" if seen_by is SeenBy.itself else f" seen by {seen_by.value}"
        return self._context.verify(f"state of {name}{whose}", read, check)

    @keyword
    def wait_until_state(self, name: str | Daemon, *states: State, seen_by: SeenBy = SeenBy.itself, within: timedelta | None = None) -> timedelta:
        """Waits until a program is in one of several states.

        Args:
            name: Name or object of a program.
            states: The states, one is enough.
            seen_by: Who is asked: the program itself, its hive, the queen, or the process table.
            within: Limit in real time; the default is the library's time-out for starting and stopping.

        Returns:
            How long it took.

        Raises:
            AssertionError: none of them was reached in time, or the program ended meanwhile.
        """
        if not states:
            raise UsageError("Wait Until State needs at least one state, such as idle")
        started = time.monotonic()
        self._reader.await_state(name, states, started + seconds(within, self._context.settings.now.timeout), seen_by=seen_by)
        return timedelta(seconds=time.monotonic() - started)

    @keyword
    @asserting(int, "the number")
    def get_worker_count(self, seen_by: str | Daemon = "hive", *, state: State | None = None, model: str | None = None, check: Check) -> int:
        """Counts the workers that a hive or a queen lists, and checks the number if an operator is given.

        Args:
            seen_by: Name or object of a hive or queen.
            state: Count only workers in this state.
            model: Count only workers with this model reference.

        Returns:
            The number.
        """
        who = self._context.find(seen_by)
        path = "/v2/workers/list" if who.role == "queen" else "/v1/workers/list"

        def count() -> int:
            rows = self._reader.rows(who, path)
            return sum(1 for row in rows if (state is None or _state(row.get("state")) is state) and model in (None, row.get("model_ref")))

        return self._context.verify(f"number of workers listed by {who}", count, check)


def _state(said: object) -> State:
    try:
        return State(said)
    except ValueError:
        raise AssertionError(f"the state {said!r} is none that rbee knows") from None
