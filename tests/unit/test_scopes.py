"""What ends with a suite or a test, and what belongs to those around it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from RbeeLibrary.session.network.occupied_ports import OccupiedPorts
from RbeeLibrary.session.programs.nodes import NodeDirectory
from RbeeLibrary.session.programs.programs import Programs
from RbeeLibrary.session.scopes import Scopes
from RbeeLibrary.session.types import Daemon, Node, SshOutcome, SshServer


class Fleet:
    """Scopes over processes that are written down here."""

    def __init__(self, folder: Path) -> None:
        self.processes: list[SimpleNamespace] = []
        supervisor = SimpleNamespace(folder=str(folder), processes=lambda: list(self.processes), find=self._find, forget=self._forget)
        coordinator = SimpleNamespace(rate=1.0, set_rate=lambda rate: None)
        run = SimpleNamespace(supervisor=supervisor, coordinator=coordinator, is_running=True)
        self.programs, self.nodes = Programs(run), NodeDirectory(run)
        stopper = SimpleNamespace(end=lambda processes, limit: [process.name for process in processes])
        self.scopes = Scopes(run, self.programs, stopper, OccupiedPorts(), self.nodes, {}, SimpleNamespace())

    def start(self, name: str, pid: int, started: float) -> None:
        self.processes.append(SimpleNamespace(name=name, pid=pid, started=started, alive=True))
        self.programs.add(Daemon(name, name, f"http://127.0.0.1:{pid}", pid, pid))

    def add_node(self, name: str) -> None:
        node = Node(name, f"{name}.home", 22, "rbee", "/key", "/repository", "main", "/rbee", "/home", "http://127.0.0.1:1", f"{name}-hive")
        self.nodes.add(node, SshOutcome.ok, SshServer.scripted, 0.0, {}, [])

    def _find(self, name: str) -> SimpleNamespace | None:
        return next((process for process in self.processes if process.name == name), None)

    def _forget(self, gone: list[SimpleNamespace]) -> None:
        self.processes = [process for process in self.processes if process not in gone]


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


def test_programs_of_a_test_are_ended_and_forgotten_and_those_of_its_suite_stay(fleet):
    fleet.start("queen", 10, started=0.0)
    fleet.scopes.open()
    fleet.start("hive", 20, started=float("inf"))
    assert fleet.scopes.end_processes(1.0) == ["hive"]
    assert fleet.programs.names() == ["queen"]
    assert [process.name for process in fleet.processes] == ["queen"]


def test_nodes_of_a_test_are_removed_and_those_of_its_suite_stay(fleet):
    fleet.scopes.open()
    fleet.add_node("attic")
    fleet.scopes.open()
    fleet.add_node("cellar")
    fleet.scopes.close()
    assert fleet.nodes.names() == {"attic"}
    fleet.scopes.close()
    assert fleet.nodes.names() == set()
