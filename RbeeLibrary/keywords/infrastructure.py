"""What stands around a fleet: model hub, nodes that ssh reaches, lines between programs."""

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..fleet.launch import ProgramSpec
from ..protocol.options import masked, secret_environment, to_argv
from ..protocol.program_options import HiveOptions, HubOptions, RelayOptions, WorkerOptions
from ..run.tcp_ports import free_range
from ..session.assertions import Check, UsageError
from ..session.launcher import Launcher, for_hive_and_workers
from ..session.nodes import SshCall, furnish
from ..session.session import Session, seconds, write_private
from ..session.types import Daemon, Node, ProgramName, SshOutcome, SshServer, State
from .option_arguments import asserting, option_values, takes_options

_USER = "vince"
_REPOSITORY = "https://github.com/user/llama-orch.git"
_CONFIG = """Host {host}
    HostName 127.0.0.1
    UserKnownHostsFile {known_hosts}
    IdentitiesOnly yes
    LogLevel ERROR
"""
_OF_A_NODE = ("fault", "journal", "die_with_parent", "addr", "node_name", "host", "port", "queen_url", "callback_url", "worker_id", "api_key", "models_db")


class InfrastructureKeywords:
    """Part of the group Lifecycle: hub, nodes, relays."""

    def __init__(self, context: Session, launcher: Launcher):
        self._context = context
        self._launcher = launcher

    # --- hub ---

    @keyword
    @takes_options(HubOptions, skip=("file", "journal", "die_with_parent", "api_key"))
    def start_model_hub(
        self,
        name: ProgramName = "hub",  # type: ignore[assignment]
        *,
        files: list[str] | str | None = None,
        token: str | Secret | None = None,
        timeout: timedelta | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a model hub and waits until it serves. Contract 9.2.

        Its files are small valid GGUF files that it makes itself. Hives that are started while it runs provision their models from it.

        Args:
            name: Name for other keywords.
            files: Its files, each `ORG/REPO/NAME=SIZE`, such as `TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf=5MB`, which is the default.
            token: Token that opens its gated repositories, as text or Secret.
            timeout: Limit in real time; the default is the library's.

        Returns:
            The hub with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: it did not start; the message has its exit code and last lines.
        """
        deadline = self._deadline(timeout)
        given = option_values({**options, "token": token, "file": [files] if isinstance(files, str) else files})
        launching = self._launcher.begin(name, "hub", given, deadline)
        self._launcher.finish_all([launching], State.idle, deadline)
        logger.info(f"started {launching.daemon}, pid {launching.daemon.pid}, {launching.daemon.url}")
        return launching.daemon

    # --- nodes ---

    @keyword
    @takes_options(HiveOptions, WorkerOptions, skip=_OF_A_NODE)
    def start_node(
        self,
        name: ProgramName = "workstation",  # type: ignore[assignment]
        *,
        ssh: SshOutcome = SshOutcome.ok,
        server: SshServer = SshServer.scripted,
        delay: timedelta = timedelta(0),
        host: str | None = None,
        installed: bool = True,
        hub: str | None = "hub",
        timeout: timedelta | None = None,
        **options: Any,
    ) -> Node:
        """Sets up a node: a machine that `ssh` reaches, with a hive installed that nobody has started yet. Contract 8.6.

        From now on `ssh` is a program of this run that every queen and keeper finds first on its PATH. It records argv and standard input and behaves as
        told; with `ok` it really runs the command, so a queen really starts a hive "on the node". That hive, called `hive` for the node `workstation`,
        else like the node, gets the options that are given here, its workers likewise.

        Args:
            name: Name of the node.
            ssh: How ssh to it ends.
            server: What `ssh` meets: a program that behaves as told, or a real SSH server.
            delay: How long every ssh call takes first, in real time.
            host: Host name of the node; default `<name>.home.arpa`.
            installed: Whether its install path has a hive.
            hub: Name of the model hub that its hive provisions from; without one provisioning is off.
            timeout: Limit for a real SSH server to start, in real time; the default is the library's.

        Returns:
            The node: `name`, `host`, `port`, `user`, `key`, `repository`, `branch`, `install_path`, `home`, `hive_url`, `hive`.

        Raises:
            UsageError: a real server is not to be had here.
        """
        given = option_values(options)
        home = Path(self._context.outputs()) / f"{name}-node"
        furnish(home, home / "rbee", installed)
        hive = "hive" if name == "workstation" else name
        if not (link := Path(self._context.outputs()) / f"{hive}.stderr").is_symlink():
            link.symlink_to(home / ".rbee" / "logs" / "rbee-hive.log")
        url = f"http://127.0.0.1:{free_range(1)}"
        address = host or f"{name}.home.arpa"
        node = Node(name, address, 22, _USER, str(home / "id_ed25519"), _REPOSITORY, "main", str(home / "rbee"), str(home), url, hive)
        own_options, worker_env = for_hive_and_workers(given)
        hive_options = self._launcher.with_stores(hive, {"worker_ports": "0", **own_options}, hub)
        faults = self._context.faults.take_waiting(hive)
        env = {
            "HOME": str(home),
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "RBEE_NAME": hive,
            "RBEE_HIVE_ARGS": shlex.join(masked(to_argv({**hive_options, "fault": faults}), HiveOptions)),
            **secret_environment(hive_options, HiveOptions),
            **worker_env,
            "RBEE_OUTPUTS": self._context.outputs(),
            "RBEE_JOURNALS": self._context.outputs(),
        }
        client: list[str] = []
        if server is SshServer.real:
            client, node.port = self._serve_ssh(node, home, ssh, env, self._deadline(timeout))
        self._launcher.nodes.add(node, ssh, server, delay.total_seconds(), env, client)
        for queen in self._context.daemons("queen"):
            process = self._context.process(queen)
            if process.alive:
                self._context.supervisor.control(process, {"op": "node-url", "node": name, "url": url})
        logger.info(f"{name} ({node.user}@{node.host}) is {'there' if ssh is SshOutcome.ok else ssh.value}; its hive will be at {url}")
        return node

    @keyword
    @asserting(int, "the number")
    def get_ssh_count(self, node: str | Node | None = None, *, check: Check) -> int:
        """Counts the calls of `ssh` to a node, and checks the number if an operator is given.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            The number.
        """
        return self._context.verify(f"number of ssh calls{f' to {node}' if node else ''}", lambda: len(self.get_ssh_calls(node)), check)

    @keyword
    def get_ssh_calls(self, node: str | Node | None = None) -> list[SshCall]:
        """Reads what `ssh` has recorded: every call, in order.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            Calls with `argv`, `host`, `stdin`, `outcome`, `exit_code`, `start` and `end` (seconds since 1970).
        """
        host = None if node is None else self._launcher.nodes.host_of(str(node))
        return self._launcher.nodes.calls(host)

    def _serve_ssh(self, node: Node, home: Path, outcome: SshOutcome, env: dict[str, str], deadline: float) -> tuple[list[str], int]:
        """A real SSH server for a node; the words of OpenSSH's client, and the server's port."""
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
        environment = self._launcher.nodes.folder / f"{node.name}-environment.json"  # keys may be in it: it goes with the run
        write_private(environment, json.dumps(env))
        config = home / "ssh_config"
        write_private(config, _CONFIG.format(host=node.host, known_hosts=home / "known_hosts"))
        outputs = Path(self._context.outputs())
        name = f"{node.name}-sshd"
        out, err = (str(outputs / f"{name}.{kind}") for kind in ("stdout", "stderr"))
        words = ["--port", "{port}", "--authorized-keys", str(allowed), "--env", str(environment)]
        daemon = self._launcher.begin_other(
            ProgramSpec(name, module="RbeeLibrary.fakes.ssh.sshd", argv=words, title="fake-sshd", stdout=out, stderr=err), "sshd", deadline
        )
        return [program, "-F", str(config)], daemon.port

    # --- lines ---

    @keyword
    @takes_options(RelayOptions, skip=("to", "journal", "die_with_parent", "api_key", "report_version", "keep_alive"))
    def start_relay(
        self,
        name: ProgramName = "line",  # type: ignore[assignment]
        *,
        to: str | Daemon,
        timeout: timedelta | None = None,
        **options: Any,
    ) -> Daemon:
        """Starts a TCP line to a program: what connects to the relay's `url` talks to the program behind it. Contract 19.

        `Cut Line`, `Stall Line`, `Mend Line` and `Limit Line` do to it what a network does.

        Args:
            name: Name for other keywords.
            to: Name or object of a program, or `HOST:PORT`.
            timeout: Limit in real time; the default is the library's.

        Returns:
            The relay with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: it did not start; the message has its exit code and last lines.
        """
        deadline = self._deadline(timeout)
        target = str(to) if ":" in str(to) else self._context.find(to).url.removeprefix("http://")
        launching = self._launcher.begin(name, "relay", {**option_values(options), "to": target}, deadline)
        self._launcher.finish_all([launching], State.idle, deadline)
        logger.info(f"started {launching.daemon}, pid {launching.daemon.pid}, {launching.daemon.url} -> {target}")
        return launching.daemon

    @keyword
    def cut_line(self, name: str | Daemon = "line") -> None:
        """Cuts a line: all its connections end, new ones are refused until it is mended.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "cut"})

    @keyword
    def stall_line(self, name: str | Daemon = "line") -> None:
        """Stalls a line: its connections stay open and carry nothing until it is mended.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "stall"})

    @keyword
    def mend_line(self, name: str | Daemon = "line") -> None:
        """Mends a line that was cut or stalled: what was held back goes on, new connections are accepted.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "mend"})

    @keyword
    def limit_line(self, rate: str, name: str | Daemon = "line") -> None:
        """Limits how many bytes per second a line carries in each direction, on the run's clock.

        Args:
            rate: Size per second, such as `100KB`; `0` is no limit.
            name: Name or object of a relay.
        """
        self._order(name, {"op": "rate", "rate": rate})

    def _order(self, name: str | Daemon, order: dict[str, Any]) -> None:
        daemon = self._context.find(name)
        if daemon.role != "relay":
            raise UsageError(f"{daemon} is a {daemon.role}, not a line: start one with Start Relay")
        try:
            self._context.supervisor.control(self._context.process(daemon), order)
        except RuntimeError as error:
            raise UsageError(str(error)) from None
        logger.info(f"{daemon}: {order['op']}{' ' + order['rate'] if 'rate' in order else ''}")

    def _deadline(self, timeout: timedelta | None) -> float:
        return time.monotonic() + seconds(timeout, self._context.settings.now.timeout)
