"""What belongs to a suite or a test, and ends with it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..fleet.supervisor import Process
from .network.occupied_ports import OccupiedPorts
from .programs.nodes import NodeDirectory
from .programs.outputs import Outputs
from .programs.programs import Programs
from .programs.stopper import Ended, Stopper
from .run import Run


@dataclass(eq=False, repr=False)
class _Scope:
    began: float
    ports: set[int]
    nodes: set[str]
    rate: float
    stores: dict[str, str]


class Scopes:
    """Open suites and the test; a process belongs to the innermost scope that was open when it started.

    Args:
        run: whose processes they are.
        programs: forgets them at the end of their scope.
        stopper: ends them.
        ports: occupied ports, released at the end of their scope.
        nodes: nodes, removed at the end of their scope.
        stores: name of a queen or hive -> path of its file, forgotten at the end of their scope.
        outputs: what programs print; keys that a real program has printed are hidden at the end of its scope.
    """

    def __init__(self, run: Run, programs: Programs, stopper: Stopper, ports: OccupiedPorts, nodes: NodeDirectory, stores: dict[str, str], outputs: Outputs):
        self._run = run
        self._programs = programs
        self._stopper = stopper
        self._ports = ports
        self._nodes = nodes
        self._stores = stores
        self._outputs = outputs
        self._open: list[_Scope] = []

    @property
    def depth(self) -> int:
        """How many scopes are open."""
        return len(self._open)

    def open(self) -> None:
        """Begins a scope."""
        rate = self._run.coordinator.rate if self._run.is_running else 1.0
        self._open.append(_Scope(time.monotonic(), self._ports.held(), self._nodes.names(), rate, dict(self._stores)))

    def processes(self) -> list[Process]:
        """Processes that were started since the innermost scope began."""
        began = self._open[-1].began if self._open else 0.0
        return [process for process in self._run.supervisor.processes() if process.started >= began]

    def end_processes(self, limit: float) -> Ended:
        """Ends the processes of the innermost scope.

        Args:
            limit: seconds of real time for their graceful end.
        """
        mine = self.processes()
        ended = self._stopper.end(mine, limit)
        for process in mine:
            if self._programs.is_real(process.name):
                self._outputs.hide_secrets(process.name)
        self._programs.forget(mine)
        return ended

    def close(self) -> None:
        """Ends the innermost scope: its ports are released, its nodes removed, the rate of the clock is as before it."""
        scope = self._open.pop() if self._open else _Scope(0.0, set(), set(), 1.0, {})
        self._ports.release_all_but(scope.ports)
        self._nodes.remove_all_but(scope.nodes)
        living = {name: path for name, path in self._stores.items() if (process := self._programs.process_or_none(name)) is not None and process.alive}
        self._stores.clear()
        self._stores.update({**scope.stores, **living})
        if self._run.is_running:
            self._run.coordinator.set_rate(scope.rate)
