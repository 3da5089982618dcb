"""Routes for the setup of nodes: add, list, remove, install (contract 4.2, 8)."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from typing import Any

from ...protocol import sse
from ...protocol.error_codes import RbeeError
from ...protocol.program_options import QueenOptions
from ...protocol.schema.fields import read
from ...protocol.schema.messages import NodeName, NodeRegistration
from ..runtime.http_app import Reply, Request
from ..runtime.retry import attempts, doubling
from ..runtime.service import Service
from .node_registry import NodeRegistry
from .ssh_call import Ssh, SshResult

PROBE = "echo 'connection test'"
_BUILDING = "rbee-stage building"
_FIRST_PAUSE = 0.2


def mock_ssh() -> bool:
    """Whether `MOCK_SSH` is set, to any value (8.2)."""
    return "MOCK_SSH" in os.environ


class NodeSetup:
    """The routes below `/v2/registry/beehives/`.

    Args:
        queen: the queen.
        options: of the queen.
        nodes: the registry.
        ssh: runs commands on nodes.
    """

    def __init__(self, queen: Service, options: QueenOptions, nodes: NodeRegistry, ssh: Ssh):
        self._queen = queen
        self._options = options
        self._nodes = nodes
        self._ssh = ssh

    def add_routes(self) -> None:
        """Registers the routes with the queen."""
        self._queen.route("POST", "/v2/registry/beehives/add", self.add)
        self._queen.route("GET", "/v2/registry/beehives/list", self.list)
        self._queen.route("POST", "/v2/registry/beehives/remove", self.remove)
        self._queen.route("POST", "/v2/registry/beehives/install", self.install)

    def add(self, request: Request) -> dict[str, Any]:
        """POST /v2/registry/beehives/add: registers a node after a successful probe."""
        name = request.body.get("node_name")
        with _failure_with(node_name=name if isinstance(name, str) else ""):
            registration = read(NodeRegistration, request.body)
            known = self._nodes.find(registration.node_name)
            if known is not None and self._options.node_conflict == "refuse" and not registration.update:
                message = f"node {registration.node_name} exists already: change it with update-node, or take it out with remove-node"
                raise RbeeError("NODE_ALREADY_EXISTS", message)
            try:
                self._probe(vars(registration))
            except RbeeError as error:
                error.status = 400
                raise
            self._nodes.put(registration, int(self._queen.clock.wall()))
        return {"success": True, "message": f"node '{registration.node_name}' is registered", "node_name": registration.node_name}

    def list(self, request: Request) -> dict[str, Any]:
        """GET /v2/registry/beehives/list."""
        try:
            return {"nodes": self._nodes.all()}
        except RbeeError as error:
            error.top = {"nodes": []}
            raise

    def remove(self, request: Request) -> dict[str, Any]:
        """POST /v2/registry/beehives/remove."""
        with _failure_with():
            node = read(NodeName, request.body).node_name
            if not self._nodes.remove(node):
                raise RbeeError("NODE_NOT_FOUND", f"node {node[:80]!r} is not in the registry")
        return {"success": True, "message": f"node '{node}' removed from registry"}

    def install(self, request: Request) -> Reply:
        """POST /v2/registry/beehives/install: clones and builds on the node, and streams the stages."""
        node = read(NodeName, request.body).node_name
        row = self._nodes.find(node)
        if row is None:
            raise RbeeError("NODE_NOT_FOUND", f"node {node[:80]!r} is not in the registry")
        return Reply(200, request.stream.carries(self._install(row)))

    # --- ssh ---

    def _probe(self, node: dict[str, Any]) -> None:
        if mock_ssh():
            if "unreachable" in node["ssh_host"]:
                raise RbeeError("SSH_TIMEOUT", "Connection timeout")
            return
        pauses = doubling(self._options.ssh_attempts, _FIRST_PAUSE)
        for number in attempts(self._queen.clock, pauses, "ssh-pause"):
            result = self._ssh.run(node, PROBE)
            if result.ok:
                return
            failure = result.failure()
            self._queen.log(f"ssh to {node['ssh_host']} failed, attempt {number}/{len(pauses)}: {failure.message}")
            if number == len(pauses):
                failure.details = {"attempts": number}
                raise failure

    def _install(self, row: dict[str, Any]) -> Iterator[bytes]:
        yield sse.event({"stage": "cloning"})
        result: SshResult | None = None
        try:
            for output in self._ssh.run_script(row, install_script(row)):
                if isinstance(output, SshResult):
                    result = output
                elif output == _BUILDING:
                    yield sse.event({"stage": "building"})
            assert result is not None
            if not result.ok:
                raise result.failure()
            yield sse.event({"stage": "done"})
        except RbeeError as error:
            last = (result.stderr if result else "").strip().splitlines()[-1:]
            yield sse.event({"stage": "error", "code": error.code, "message": ": ".join([error.message, *last])})
        yield sse.DONE


@contextlib.contextmanager
def _failure_with(**fields: Any) -> Iterator[None]:
    """Errors of the block are answered in the shape of add and remove (4.2)."""
    try:
        yield
    except RbeeError as error:
        error.top = {"success": False, "message": error.message, **fields}
        raise


def install_script(row: dict[str, Any]) -> str:
    """Shell script that installs rbee on a node, in the order of 8.5."""
    return "\n".join(
        (
            "set -e",
            f"cd {remote_path(row['install_path'])}",
            f"git clone {shlex.quote(row['git_repo_url'])} .",
            f"git checkout {shlex.quote(row['git_branch'])}",
            f"echo {shlex.quote(_BUILDING)}",
            "cargo build --release --bin rbee-hive",
            "cargo build --release --bin llm-worker-rbee",
            "",
        )
    )


def remote_path(path: str) -> str:
    """Quotes a path for the shell of a node, except a leading `~/`, which is the home folder there."""
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") else shlex.quote(path)
