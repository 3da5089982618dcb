"""The nodes of a test, the `ssh` that is found first as long as there is one, and who is told about a new node."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.programs.node_builder import NodeBuilder
from RbeeLibrary.session.programs.nodes import NodeDirectory
from RbeeLibrary.session.programs.programs import Programs
from RbeeLibrary.session.types import Daemon, Node, SshOutcome, SshServer


def node(name: str) -> Node:
    return Node(name, f"{name}.home", 22, "rbee", "/key", "/repository", "main", "/rbee", "/home", "http://127.0.0.1:1", f"{name}-hive")


def test_ssh_is_that_of_the_system_again_without_any_node(tmp_path):
    nodes = NodeDirectory(SimpleNamespace(supervisor=SimpleNamespace(folder=str(tmp_path)), is_running=True))
    for name in ("attic", "cellar"):
        nodes.add(node(name), SshOutcome.ok, SshServer.scripted, 0.0, {}, [])
    ssh = Path(nodes.environment()["PATH"].partition(":")[0]) / "ssh"
    nodes.remove_all_but({"attic"})
    assert nodes.names() == {"attic"}
    assert ssh.exists()
    nodes.remove_all_but(set())
    assert not ssh.exists()
    assert json.loads((nodes.folder / "hosts.json").read_text()) == {}


def test_living_queens_are_told_where_the_hive_of_a_new_node_will_be(tmp_path):
    told: list[tuple[str, dict]] = []
    processes = {name: SimpleNamespace(name=name, pid=pid, alive=name != "queen-2") for name, pid in (("queen", 10), ("queen-2", 11), ("hub", 40))}
    supervisor = SimpleNamespace(folder=str(tmp_path), find=processes.get, control=lambda process, order: told.append((process.name, order)))
    run = SimpleNamespace(supervisor=supervisor, is_running=True, outputs=lambda: str(tmp_path), note=lambda what, **fields: None)
    programs, launcher = Programs(run), SimpleNamespace(with_stores=lambda hive, options, hub: options)
    for name, process in processes.items():
        programs.add(Daemon(name, name.partition("-")[0], "http://127.0.0.1:1", 1, process.pid))
    nodes = NodeDirectory(run)
    builder = NodeBuilder(run, programs, nodes, launcher, PendingFaults(), SimpleNamespace())
    how = {"outcome": SshOutcome.ok, "server": SshServer.scripted, "delay": 0.0, "host": None, "installed": True, "hub": None}
    built = builder.build("attic", {}, 0.0, **how)
    assert nodes.names() == {"attic"}
    assert told == [("queen", {"op": "node-url", "node": "attic", "url": built.hive_url})]
