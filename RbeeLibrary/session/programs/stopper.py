"""Ends processes: gracefully, in the order of their ownership, and by force where that fails."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UsageError
from ...fleet import kernel
from ...fleet.supervisor import Process
from ...run.exit_status import ExitStatus
from ..run import Run

GRACE = 3.0
"""Seconds of real time that programs get for their graceful end when a test or suite is over."""
_FORCE_LIMIT = 3.0
_REPORT_LIMIT = 1.0
"""Seconds of real time in which a parent tells the end of its child."""
_AFTER_REAL_OWNER = 1.0
"""Seconds of real time for the children of a real program, which does not wait for their ends."""


@dataclass(eq=False, repr=False)
class Ended:
    """Result of ending processes.

    Args:
        ended: those that were alive.
        slow: those that did not end within the limit and got SIGKILL.
        leaked: those that outlived the graceful stop of their owner.
        left: those that are alive even after SIGKILL.
    """

    ended: list[Process]
    slow: list[Process]
    leaked: list[Process]
    left: list[Process]


class Stopper:
    """Sends signals and waits for ends.

    Args:
        run: whose processes they are.
    """

    def __init__(self, run: Run):
        self._run = run

    @contextlib.contextmanager
    def going_clock(self) -> Iterator[None]:
        """Lets a clock that is held go on within the block: limits of programs that end have to pass."""
        held = self._run.is_running and self._run.coordinator.rate == 0
        if held:
            self._run.coordinator.set_rate(1)
        try:
            yield
        finally:
            if held:
                self._run.coordinator.set_rate(0)

    # --- signals ---

    def signal(self, process: Process, number: int) -> None:
        """Sends a signal.

        Raises:
            UsageError: the process has ended.
        """
        if not self.try_signal(process, number):
            how = f": it {ExitStatus(process.exit_code)}" if process.exit_code is not None else ""
            raise UsageError(f"{process.name} cannot be sent {signal.Signals(number).name}, it has ended{how}")

    def try_signal(self, process: Process, number: int) -> bool:
        """Sends a signal; False if the process has ended."""
        try:
            self._run.note("signal_sent", to=process.name, to_pid=process.pid, signal=signal.Signals(number).name)
            self._run.supervisor.signal(process, number)
        except ProcessLookupError:
            return False
        return True

    # --- one process ---

    def stop(self, process: Process, limit: float) -> int | None:
        """Resumes a frozen process, sends SIGTERM and waits for its end; SIGKILL when the limit is over.

        Args:
            process: which one.
            limit: seconds of real time.

        Returns:
            Its exit code; None if it had to be killed.
        """
        with self.going_clock():
            if process.frozen:
                self.try_signal(process, signal.SIGCONT)
            self.try_signal(process, _stop_signal(process))
            code = self.await_code(process, limit)
        if code is None:
            self.force(process)
        return code

    def force(self, process: Process) -> None:
        """Sends SIGKILL and waits until the process is gone."""
        self.try_signal(process, signal.SIGKILL)
        kernel.await_gone([process.pid], time.monotonic() + _FORCE_LIMIT)
        self._run.supervisor.await_exit(process, 0.2)

    def await_code(self, process: Process, limit: float) -> int | None:
        """Waits for the end of a process.

        Args:
            process: which one.
            limit: seconds of real time.

        Returns:
            Its exit code, negative for a signal; None if it lives on.
        """
        deadline = time.monotonic() + limit
        while True:
            code = self._run.supervisor.await_exit(process, min(0.1, max(0.0, deadline - time.monotonic())))
            if code is None and not process.alive:
                code = self._code_of_the_dead(process, deadline)
            if code is not None or time.monotonic() >= deadline:
                return code

    def _code_of_the_dead(self, process: Process, deadline: float) -> int | None:
        # A frozen parent leaves the status in the process table. A real hive takes it and tells nobody.
        code = None if self._is_reported(process) else kernel.zombie_code(process.pid)
        if code is None:
            code = self._run.supervisor.await_exit(process, min(_REPORT_LIMIT, max(0.0, deadline - time.monotonic())))
        if code is None:
            code = kernel.zombie_code(process.pid)
        if code is None and signal.SIGKILL in process.signals:
            code = -signal.SIGKILL
        if code is not None:
            self._run.supervisor.note_end(process, code)
        return code

    def _is_reported(self, process: Process) -> bool:
        """Whether its parent is a fake that runs: it takes the process off its lists and reports the end then, in this order."""
        parent = next((one for one in self._run.supervisor.processes() if one.pid == process.ppid and one.alive), None)
        return parent is not None and not parent.frozen and not (parent.program is not None and parent.program.is_real)

    # --- many processes ---

    def undo(self, processes: list[Process]) -> None:
        """Kills what a failed start has left; this is recorded as such, and is nobody's death."""
        living = [process for process in processes if process.alive]
        if not living:
            return
        self._run.note("start_undone", programs=[process.name for process in living], pids=[process.pid for process in living])
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                self._run.supervisor.signal(process, signal.SIGKILL)
        kernel.await_gone([process.pid for process in living], time.monotonic() + _FORCE_LIMIT)

    def end(self, processes: list[Process], limit: float) -> Ended:
        """Ends processes gracefully, owners first, who end what they have started; then by SIGKILL.

        Args:
            processes: which ones; those that have ended already are left out.
            limit: seconds of real time for the graceful part.
        """
        with self.going_clock():
            return self._end(processes, limit)

    def _end(self, processes: list[Process], limit: float) -> Ended:
        living = [process for process in processes if process.alive]
        leaked = self._outlived_owner(living)
        deadline = time.monotonic() + limit
        for process in living:
            if process.frozen:
                self.try_signal(process, signal.SIGCONT)
        pids = {process.pid for process in living}
        roots = [process for process in living if process.ppid not in pids]
        for process in roots:
            self.try_signal(process, _stop_signal(process))
        for process in roots:
            self.await_code(process, max(0.0, deadline - time.monotonic()))
        leaked += [process for process in self._outlived_owner(living) if process not in leaked]
        slow = [process for process in living if process.alive and process not in leaked]
        for process in [*slow, *leaked]:
            self.force(process)
        return Ended(living, slow, leaked, [process for process in living if process.alive])

    def _outlived_owner(self, processes: list[Process]) -> list[Process]:
        """Processes that are alive although their owner has ended well, and so should have ended them."""
        owners = {process.pid: process for process in self._run.supervisor.processes()}
        orphans = [process for process in processes if process.alive and (owner := owners.get(process.ppid)) is not None and owner.exit_code == 0]
        of_real = [process.pid for process in orphans if (program := owners[process.ppid].program) is not None and program.is_real]
        if of_real:
            kernel.await_gone(of_real, time.monotonic() + _AFTER_REAL_OWNER)
        return [process for process in orphans if process.alive]


def _stop_signal(process: Process) -> int:
    return process.program.stop_signal if process.program is not None else signal.SIGTERM
