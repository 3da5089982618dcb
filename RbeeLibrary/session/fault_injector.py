"""Arms faults in running programs, keeps those for later ones, and counts their hits."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

from ..errors import CannotJudge, ControlFailed, UsageError
from ..faults.base import FaultSpec
from ..faults.registry import KINDS
from ..fleet.supervisor import Process
from ..journal.reader import entries
from .journals import Journals
from .pending_faults import PendingFaults
from .programs.programs import Programs
from .run import Run
from .types import ArmedFault, Direction

_ORDERS = {Direction.incoming: "arm-fault", Direction.outgoing: "arm-fault-out"}
_ROLES = ("queen", "hive", "worker", "hub")


class FaultInjector:
    """The faults of the present test.

    Args:
        run: gives orders to fakes.
        programs: finds them.
        journals: where hits are recorded.
        pending: faults that wait for a program to start.

    Attributes:
        armed: all faults of the test.
    """

    def __init__(self, run: Run, programs: Programs, journals: Journals, pending: PendingFaults):
        self._run = run
        self._programs = programs
        self._journals = journals
        self._pending = pending
        self._numbers = itertools.count(1)
        self.armed: list[ArmedFault] = []

    def inject(self, name: str, kind: str, direction: Direction = Direction.incoming, **arguments: Any) -> tuple[ArmedFault, FaultSpec, bool]:
        """Arms a fault, now or with the start of the next program of this name.

        Args:
            name: of the program.
            kind: of the fault.
            direction: outgoing for requests that a real program sends.
            arguments: fields of `FaultSpec`.

        Returns:
            The fault, its specification, and whether it is armed already.

        Raises:
            UsageError: an argument cannot be, or the program is no fake or has ended.
        """
        try:
            spec = FaultSpec(kind, f"fault-{next(self._numbers)}", **arguments)
        except ValueError as error:
            raise UsageError(str(error)) from None
        process = self._programs.process_or_none(name)
        if process is not None and process.role in _ROLES and process.role not in KINDS[kind].roles:
            raise UsageError(f"{kind} cannot be injected into {name}, a {process.role}: it fits {', '.join(KINDS[kind].roles)}")
        is_now = process is not None and process.alive
        if direction is Direction.outgoing and not (is_now and self._recorder_of(name)):
            raise UsageError(f"{name} is no real program that runs: break what it sends at the fake that receives it")
        if process is not None and is_now:
            try:
                self._run.supervisor.control(self._who_acts(name, process, kind), {"op": _ORDERS[direction], "spec": vars(spec)})
            except ControlFailed as error:
                raise UsageError(f"{kind} cannot be injected: {error}") from None
        else:
            self._pending.add(name, spec)
            self._tell_hives(name)
        fault = ArmedFault(name, kind, spec.id, spec, direction)
        self.armed.append(fault)
        return fault, spec, is_now

    def _who_acts(self, name: str, process: Process, kind: str) -> Process:
        """The process that carries a fault out: the program itself, or the recorder before a real one.

        Raises:
            UsageError: the fault needs the inside of the program, and that is a real one.
        """
        recorder = self._recorder_of(name)
        if recorder is not None and not KINDS[kind].from_outside:
            known = ", ".join(sorted(other for other, one in KINDS.items() if one.from_outside and process.role in one.roles))
            raise CannotJudge(f"{kind} needs the inside of {name}, which is a real program; from outside work {known}, and Kill, Freeze, Interrupt")
        return recorder or process

    def _recorder_of(self, name: str) -> Process | None:
        daemon = next((daemon for daemon in self._programs.all() if daemon.name == name), None)
        return self._programs.process_or_none(daemon.recorder) if daemon is not None and daemon.recorder is not None else None

    def hits(self, fault: ArmedFault) -> int:
        """How often a fault has acted, from the journal of its program."""
        paths = self._journals.paths(fault.name)
        return sum(1 for path in paths for entry in entries(path) if entry.get("record") == "fault" and entry.get("fault") == fault.id)

    def clear(self, name: str | None = None) -> None:
        """Ends the faults of one program, or of all; what they hold back goes on."""
        for dropped in self._pending.drop(name):
            self._tell_hives(dropped)
        for program in {fault.name for fault in self.armed if name in (None, fault.name)}:
            process = self._programs.responsive(program)
            if process is not None:
                with contextlib.suppress(ControlFailed):
                    self._run.supervisor.control(self._recorder_of(program) or process, {"op": "clear-faults"})

    def never_started(self) -> list[ArmedFault]:
        """Faults for programs that were never started in this test: maybe their name is misspelt."""
        return [fault for fault in self.armed if not self._journals.paths(fault.name)]

    def end(self) -> list[ArmedFault]:
        """Ends all faults at the end of a test; returns those that were never hit."""
        if not self.armed:
            return []
        self.clear()
        unused = [fault for fault in self.armed if not self.hits(fault)]
        self.armed = []
        return unused

    def _tell_hives(self, worker: str) -> None:
        """A hive may start a worker of this name by itself, for a client that asks it."""
        argv = [word for spec in self._pending.of(worker) for word in ("--fault", spec)]
        for hive in self._programs.of_role("hive"):
            process = self._programs.responsive(hive.name)
            if process is not None:
                with contextlib.suppress(ControlFailed, CannotJudge):  # a worker of a real hive gets them when it is asked for
                    self._run.supervisor.control(process, {"op": "worker-argv", "worker_id": worker, "argv": argv})
