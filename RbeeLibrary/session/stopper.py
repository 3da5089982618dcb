"""How processes are ended in an orderly way, and what is left after that."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from ..fleet import kernel
from ..fleet.supervisor import Process, await_gone
from .session import Session

GRACE = 3.0
_FORCE_LIMIT = 3.0


@dataclass(eq=False, repr=False)
class Ended:
    """What came of ending processes."""

    ended: list[Process]
    slow: list[Process]
    """Did not end within the limit and got SIGKILL."""
    leaked: list[Process]
    """Outlived the graceful stop of their owner."""
    left: list[Process]
    """Are there even after SIGKILL."""


class Stopper:
    """Ends processes: owners first, who end what they started; then by force.

    Args:
        context: the run.
    """

    def __init__(self, context: Session):
        self._context = context

    def end(self, processes: list[Process], limit: float) -> Ended:
        """Ends processes gracefully within a real limit, what is left then by SIGKILL; a clock that stands still goes on meanwhile."""
        with self._context.going_clock():
            return self._end(processes, limit)

    def _end(self, processes: list[Process], limit: float) -> Ended:
        living = [process for process in processes if process.alive]
        leaked = self._outlived_owner(living)
        deadline = time.monotonic() + limit
        for process in living:
            if process.frozen:
                self.send(process, signal.SIGCONT)
        pids = {process.pid for process in living}
        roots = [process for process in living if process.ppid not in pids]
        for process in roots:
            self.send(process, signal.SIGTERM)
        for process in roots:
            self.await_code(process, max(0.0, deadline - time.monotonic()))
        leaked += [process for process in self._outlived_owner(living) if process not in leaked]
        slow = [process for process in living if process.alive and process not in leaked]
        for process in [*slow, *leaked]:
            self.force(process)
        return Ended(living, slow, leaked, [process for process in living if process.alive])

    def _outlived_owner(self, processes: list[Process]) -> list[Process]:
        """Those that live although the one who started them has ended well, and so should have ended them."""
        owners = {process.pid: process for process in self._context.supervisor.processes()}
        return [process for process in processes if process.alive and (owner := owners.get(process.ppid)) is not None and owner.exit_code == 0]

    def await_code(self, process: Process, limit: float) -> int | None:
        """Waits for the end of a process and returns its true exit code, None if it lives on."""
        deadline = time.monotonic() + limit
        while True:
            code = self._context.supervisor.await_exit(process, min(0.1, max(0.0, deadline - time.monotonic())))
            if code is None and not process.alive:
                code = self._code_of_the_dead(process, deadline)
            if code is not None or time.monotonic() >= deadline:
                return code

    def force(self, process: Process) -> None:
        """SIGKILL, and waits until the process is gone."""
        self.send(process, signal.SIGKILL)
        await_gone([process], time.monotonic() + _FORCE_LIMIT)
        self._context.supervisor.await_exit(process, 0.2)

    def _code_of_the_dead(self, process: Process, deadline: float) -> int | None:
        # Its parent is frozen or slow: the status waits in the process table.
        code = kernel.zombie_code(process.pid)
        if code is None:
            return self._context.supervisor.await_exit(process, min(1.0, max(0.0, deadline - time.monotonic())))
        return code

    def send(self, process: Process, number: int) -> None:
        """Sends a signal; a process that has ended is no error."""
        try:
            self._context.note("signal_sent", to=process.name, to_pid=process.pid, signal=signal.Signals(number).name)
            self._context.supervisor.signal(process, number)
        except ProcessLookupError:
            return
