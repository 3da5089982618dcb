"""One test session: everything that keywords, the Python API and the pytest plugin stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..clock.coordinator import FiredTimer
from ..errors import NotAtRest, UsageError
from .assertions import Verifier
from .fault_injector import FaultInjector
from .inference.inferences import Inferences
from .journals import Journals
from .judging.evidence import EvidenceCollector
from .judging.judge import Judge
from .judging.test_trace import TraceTaker
from .network.occupied_ports import OccupiedPorts
from .network.partitions import Partitions
from .pending_faults import PendingFaults
from .programs.launcher import Launcher
from .programs.node_builder import NodeBuilder
from .programs.nodes import NodeDirectory
from .programs.outputs import Outputs
from .programs.process_table import ProcessTable
from .programs.programs import Programs
from .programs.starter import Starter
from .programs.states import StateReader
from .programs.stopper import Stopper
from .programs.store_files import StoreFiles
from .real.real_time import RealTime
from .run import Run
from .scoped_settings import ScopedSettings
from .scopes import Scopes


class Session:
    """Composes the parts of a session.

    Args:
        settings: limits and policies.
        artifacts: returns the folder for output and journals of the programs.
        log: takes a line for the log.
        warn: takes a warning for the log.

    Attributes:
        run: nursery, clock, artifact folders.
        programs: programs by name.
        start: starts programs.
        stopper: ends programs.
        nodes: machines that ssh reaches.
        node_builder: sets them up.
        outputs: what programs print.
        real_time: moves the clocks of real programs with that of the run.
        stores: their SQLite files.
        table: the process table.
        states: states of programs.
        journals: what programs recorded.
        inferences: what was submitted.
        faults: what was broken.
        partitions: programs that cannot reach each other.
        ports: ports that are held.
        scopes: what ends with a suite or test.
        judge: rules, tokens, contract.
        evidence: of failures.
        trace: takes what happened in a test.
        verify: reads values and checks them.
    """

    def __init__(self, settings: ScopedSettings, artifacts: Callable[[], Path], log: Callable[[str], None], warn: Callable[[str], None]):
        self.settings = settings
        self.run = run = Run(artifacts)
        self.programs = Programs(run)
        self.outputs = Outputs(run, lambda: [*self.programs.keys.values(), *self.programs.old_keys])
        self.table = ProcessTable(run)
        self.states = StateReader(run, self.programs)
        self.journals = Journals(run, self.programs, self.outputs)
        self.nodes = NodeDirectory(run)
        self.ports = OccupiedPorts()
        self.stopper = Stopper(run)
        pending = PendingFaults()
        self.real_time = RealTime(run, self.programs)
        self.partitions = Partitions(run, self.programs, self.journals)
        self.launcher = Launcher(run, self.programs, self.states, self.outputs, self.nodes, pending, warn, self.real_time, self.partitions)
        self.start = Starter(run, self.programs, self.launcher, self.stopper, self.outputs, self.nodes, pending, settings)
        self.node_builder = NodeBuilder(run, self.programs, self.nodes, self.launcher, pending, self.start)
        self.stores = StoreFiles(self.launcher.stores)
        self.inferences = Inferences(run, self.programs)
        self.faults = FaultInjector(run, self.programs, self.journals, pending)
        self.scopes = Scopes(run, self.programs, self.stopper, self.ports, self.nodes, self.launcher.stores, self.outputs)
        self.judge = Judge(run, self.journals, self.inferences, self.programs, self.states)
        self.evidence = EvidenceCollector(run, self.programs, self.journals, self.outputs, self.states, self.table)
        self.trace = TraceTaker(run, self.programs, self.journals, self.outputs)
        self.verify = Verifier(lambda: settings.now.within, lambda limit: run.supervisor.await_news(limit), log, run.held_clock)

    def open_scope(self, name: str) -> None:
        """Begins a suite or test."""
        self.settings.open()
        self.scopes.open()
        self.run.open_scene(name)

    def close_scope(self) -> None:
        """Ends it: settings, ports, nodes and the rate of the clock are as before."""
        self.scopes.close()
        self.settings.close()
        self.real_time.forget_ended()

    def close(self) -> None:
        """Ends the run and everything in it."""
        self.run.close()
        self.programs.clear()
        self.real_time.forget_ended()
        self.ports.release_all_but(set())

    def set_rate(self, rate: float) -> float:
        """Sets the rate of the run's clock, also for real programs that follow it; returns the old one."""
        old = self.run.coordinator.set_rate(rate)
        self.real_time.follow()
        return old

    def advance(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the run's clock and waits for everything that comes of it.

        Args:
            by: seconds of the run's clock.
            limit: seconds of real time that the clock may stand at one moment until everybody is at rest.

        Raises:
            AssertionError: somebody did not come to rest; the message says who, and what it was doing.
        """
        return self._moved(self.real_time.advance, by, limit)

    def jump(self, by: float, limit: float) -> list[FiredTimer]:
        """Moves the run's clock at once; everything that became due meanwhile happens together. Arguments and errors as for `advance`."""
        fired = self._moved(self.run.coordinator.jump, by, limit)
        self.real_time.follow()
        return fired

    @staticmethod
    def _moved(move: Callable[[float, float], list[FiredTimer]], by: float, limit: float) -> list[FiredTimer]:
        if by < 0:
            raise UsageError(f"time goes forward only, not by {by:g} s")
        try:
            return move(by, limit)
        except NotAtRest as error:
            raise AssertionError(f"time did not move by {by:g} s: not everybody came to rest within {limit:g} s: {error}") from None
