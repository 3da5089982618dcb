"""The group State: states of programs, as seen by different observers."""

import time
from datetime import timedelta

from robot.api.deco import keyword

from ..errors import UsageError
from ..session.assertions import Check
from ..session.programs.states import as_state
from ..session.session import Session
from ..session.types import Daemon, SeenBy, State
from .argument_types import Span
from .option_arguments import asserting


class StateKeywords:
    """Keywords of the group State."""

    def __init__(self, session: Session):
        self._session = session
        self._reader = session.states

    @keyword
    def get_daemon(self, name: str) -> Daemon:
        """Returns a program by its name, with `url`, `port`, `pid`, `name` and `role`.

        Args:
            name: Name of a program, also of a worker that a queen or hive started on its own.

        Returns:
            The daemon, as the `Start ...` keywords return it.

        Raises:
            UsageError: there is no program of this name.
        """
        return self._session.programs.find(name)

    @keyword
    @asserting(State, "state")
    def get_state(self, name: str | Daemon, *, seen_by: SeenBy = SeenBy.itself, check: Check) -> State:
        """Reads the state of a program, and checks it if an operator is given.

        Registries may lag behind, so `seen_by` selects the observer. If the program ends while a state of a running program is expected, the keyword fails at
        once.

        Args:
            name: Name or object of a program.
            seen_by: Source of the state: the program itself, its hive, the queen, or the process table.

        Returns:
            The state.
        """

        def read() -> State:
            state = self._reader.read(name, seen_by)
            if check.operator == "==" and check.expected is not None and state is not check.expected:
                self._reader.check_hope(name, check.expected, seen_by)
            return state

        whose = "" if seen_by is SeenBy.itself else f" seen by {seen_by.value}"
        return self._session.verify(f"state of {name}{whose}", read, check)

    @keyword
    def wait_until_state(self, name: str | Daemon, *states: State, seen_by: SeenBy = SeenBy.itself, within: Span = None) -> timedelta:
        """Waits until a program is in one of several states.

        Args:
            name: Name or object of a program.
            states: The accepted states.
            seen_by: Source of the state: the program itself, its hive, the queen, or the process table.
            within: Time limit in real time; default: the library's `timeout`.

        Returns:
            The time that it took.

        Raises:
            AssertionError: none of the states was reached in time, or the program ended.
        """
        if not states:
            raise UsageError("Wait Until State needs at least one state, such as idle")
        started = time.monotonic()
        self._reader.await_state(name, states, started + self._session.settings.timeout(within), seen_by=seen_by)
        return timedelta(seconds=time.monotonic() - started)

    @keyword
    @asserting(int, "number")
    def get_worker_count(self, seen_by: str | Daemon = "hive", *, state: State = None, model: str | None = None, check: Check) -> int:
        """Counts the workers in the list of a hive or queen, and checks the number if an operator is given.

        Args:
            seen_by: Name or object of a hive or queen.
            state: Count only workers in this state.
            model: Count only workers with this model reference.

        Returns:
            The number.
        """
        observer = self._session.programs.find(seen_by)
        path = "/v2/workers/list" if observer.role == "queen" else "/v1/workers/list"

        def count() -> int:
            rows = self._reader.rows(observer, path)
            return sum(1 for row in rows if (state is None or as_state(row.get("state")) is state) and model in (None, row.get("model_ref")))

        return self._session.verify(f"number of workers listed by {observer}", count, check)
