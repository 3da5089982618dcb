"""The nodes of a test, and the `ssh` that is found first as long as there is one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from RbeeLibrary.session.programs.nodes import NodeDirectory
from RbeeLibrary.session.types import Node, SshOutcome, SshServer


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
