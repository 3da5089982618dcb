"""Sets up nodes: folders that stand for machines, reached over a scripted ssh or a real SSH server."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...protocol.options import masked, secret_environment, to_argv
from ...protocol.program_options import HiveOptions, for_hive_and_workers
from ...protocol.ssh_config import quoted_path
from ...run import environment
from ...run.tcp_ports import free_range
from ..artifacts import write_private
from ..pending_faults import PendingFaults
from ..run import Run
from ..types import Node, SshOutcome, SshServer
from .launcher import Launcher
from .nodes import NodeDirectory, furnish
from .programs import Programs
from .starter import Starter

_USER = "vince"
_REPOSITORY = "https://github.com/user/llama-orch.git"
_CONFIG = """Host {host}
    HostName 127.0.0.1
    UserKnownHostsFile {known_hosts}
    IdentitiesOnly yes
    LogLevel ERROR
"""


class NodeBuilder:
    """Makes nodes of a session.

    Args:
        run: folders of the session.
        programs: queens that are told about new nodes.
        nodes: the nodes so far.
        launcher: starts SSH servers.
        faults: faults that wait for the hive of a node.
        start: undoes the start of a server that fails.
    """

    def __init__(self, run: Run, programs: Programs, nodes: NodeDirectory, launcher: Launcher, faults: PendingFaults, start: Starter):
        self._run = run
        self._programs = programs
        self._nodes = nodes
        self._launcher = launcher
        self._faults = faults
        self._start = start

    def build(
        self,
        name: str,
        options: dict[str, Any],
        deadline: float,
        *,
        outcome: SshOutcome,
        server: SshServer,
        delay: float,
        host: str | None,
        installed: bool,
        hub: str | None,
    ) -> Node:
        """Sets up a node.

        Args:
            name: of the node.
            options: of the hive that will be started there, and of its workers.
            deadline: of the start of a real SSH server, monotonic seconds.
            outcome: how ssh to the node ends.
            server: a scripted ssh, or a real SSH server.
            delay: seconds that every ssh call takes first, in real time.
            host: host name; None = `<name>.home.arpa`.
            installed: whether a hive is installed.
            hub: name of the hub that its hive provisions from.
        """
        outputs = Path(self._run.outputs())
        home = outputs / f"{name}-node"
        furnish(home, home / "rbee", installed)
        hive = "hive" if name == "workstation" else name
        self._programs.check_free(hive)
        log = home / ".rbee" / "logs" / "rbee-hive.log"
        if not (link := outputs / f"{hive}.stderr").is_symlink():
            if link.exists():  # of a hive that was started without a node, and has ended
                link.replace(log)
            link.symlink_to(log)
        url = f"http://127.0.0.1:{free_range(1)}"
        address = host or f"{name}.home.arpa"
        node = Node(name, address, 22, _USER, str(home / "id_ed25519"), _REPOSITORY, "main", str(home / "rbee"), str(home), url, hive)
        env = self._hive_environment(node, home, options, hub)
        client: list[str] = []
        if server is SshServer.real:
            client, node.port = self._serve_ssh(node, home, outcome, env, deadline)
        self._nodes.add(node, outcome, server, delay, env, client)
        self._run.note("node", node=name, host=address, ssh=outcome.value)
        for queen in self._programs.of_role("queen"):
            process = self._programs.process(queen)
            if process.alive:
                self._run.supervisor.control(process, {"op": "node-url", "node": name, "url": url})
        return node

    def _hive_environment(self, node: Node, home: Path, options: dict[str, Any], hub: str | None) -> dict[str, str]:
        own_options, worker_env = for_hive_and_workers(options)
        hive_options = self._launcher.with_stores(node.hive, {"worker_ports": "0", **own_options}, hub)
        faults = self._faults.take(node.hive)
        return {
            "HOME": str(home),
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            environment.NAME: node.hive,
            "RBEE_HIVE_ARGS": shlex.join(masked(to_argv({**hive_options, "fault": faults}), HiveOptions)),
            **secret_environment(hive_options, HiveOptions),
            **worker_env,
            environment.OUTPUTS: self._run.outputs(),
            environment.JOURNALS: self._run.outputs(),
        }

    def _serve_ssh(self, node: Node, home: Path, outcome: SshOutcome, env: dict[str, str], deadline: float) -> tuple[list[str], int]:
        """Starts a real SSH server for a node; returns the words of OpenSSH's client, and the server's port."""
        program = shutil.which("ssh")
        if program is None or shutil.which("ssh-keygen") is None:
            raise UsageError("server=real needs OpenSSH's client, and there is no ssh on PATH: install openssh-client")
        if importlib.util.find_spec("asyncssh") is None:
            raise UsageError("server=real needs asyncssh: pip install 'robotframework-rbeelibrary[ssh]'")
        if outcome not in (SshOutcome.ok, SshOutcome.denied):
            raise UsageError(f"a real SSH server cannot be {outcome.value}: use ok or denied, or Occupy Port with mode=ignore for a host that does not answer")
        for key in ("id_ed25519", "another_key"):
            (home / key).unlink(missing_ok=True)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True, timeout=10, umask=0o077)
        allowed = home / ("id_ed25519.pub" if outcome is SshOutcome.ok else "another_key.pub")
        node_environment = self._nodes.folder / f"{node.name}-environment.json"  # keys may be in it: it goes with the run
        write_private(node_environment, json.dumps(env))
        config = home / "ssh_config"
        write_private(config, _CONFIG.format(host=node.host, known_hosts=quoted_path(str(home / "known_hosts"))))
        words = ["--port", "{port}", "--authorized-keys", str(allowed), "--env", str(node_environment)]
        helper = f"{node.name}-sshd"
        with self._start.all_or_nothing(helper):
            daemon = self._launcher.begin_helper(helper, "sshd", "RbeeLibrary.fakes.ssh.sshd", words, deadline)
        return [program, "-F", str(config)], daemon.port
