"""The group Lifecycle: infrastructure of a fleet: model hub, nodes reached by ssh."""

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..protocol.program_options import HiveOptions, HubOptions, WorkerOptions
from ..session.assertions import Check
from ..session.programs.nodes import SshCall
from ..session.session import Session
from ..session.types import Daemon, Node, ProgramName, SshOutcome, SshServer
from .argument_types import Default, HubFile, Span
from .option_arguments import asserting, option_values, takes_options

_OF_A_NODE = ("fault", "journal", "die_with_parent", "addr", "node_name", "host", "port", "queen_url", "callback_url", "worker_id", "api_key", "models_db")
_AT_ONCE: Any = Default(timedelta(0))


class InfrastructureKeywords:
    """Keywords of the group Lifecycle for hub and nodes."""

    def __init__(self, session: Session):
        self._session = session

    # --- hub ---

    @keyword
    @takes_options(HubOptions, skip=("file", "journal", "die_with_parent", "api_key"))
    def start_model_hub(
        self,
        name: ProgramName = "hub",  # type: ignore[assignment]
        *,
        files: list[HubFile] | HubFile = None,
        token: str | Secret | None = None,
        timeout: Span = None,
        **options: Any,
    ) -> Daemon:
        """Starts a model hub and waits until it accepts requests. Contract 9.2.

        The hub generates its files, which are small and valid GGUF files. Hives that are started while the hub runs provision their models from it.

        Args:
            name: Name of the program in other keywords.
            files: Files as `ORG/REPO/NAME=SIZE`; default: `TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf=5MB`.
            token: Token for gated repositories, as text or Secret.
            timeout: Time limit in real time; default: the library's `timeout`.

        Returns:
            The hub with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: the program did not start; the message has its exit code and last output.
        """
        given = option_values({**options, "token": token, "file": [files] if isinstance(files, str) else files})
        daemon = self._session.start.daemon(name, "hub", deadline=self._deadline(timeout), **given)
        logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url}")
        return daemon

    # --- nodes ---

    @keyword
    @takes_options(HiveOptions, WorkerOptions, skip=_OF_A_NODE)
    def start_node(
        self,
        name: ProgramName = "workstation",  # type: ignore[assignment]
        *,
        ssh: SshOutcome = SshOutcome.ok,
        server: SshServer = SshServer.scripted,
        delay: Span = _AT_ONCE,
        host: str | None = None,
        installed: bool = True,
        hub: str | None = "hub",
        timeout: Span = None,
        **options: Any,
    ) -> Node:
        """Sets up a node: a machine that `ssh` reaches, with an installed hive that is not running yet. Contract 8.6.

        From now on queens and keepers find a fake `ssh` first on their PATH. It records argv and standard input and ends as set by `ssh=`. With `ok` it runs
        the command, so that a queen can start a hive "on the node". This hive is called `hive` for the node `workstation`, else like the node. The given
        options apply to this hive and its workers.

        Args:
            name: Name of the node.
            ssh: Outcome of ssh calls to the node.
            server: The other end of `ssh`: a script with a set outcome, or a real SSH server.
            delay: Delay of every ssh call, in real time.
            host: Host name of the node; default: `<name>.home.arpa`.
            installed: Whether a hive is installed on the node.
            hub: Name of the model hub of its hive; if no such hub runs, provisioning is off.
            timeout: Time limit for the start of a real SSH server, in real time; default: the library's `timeout`.

        Returns:
            The node with `name`, `host`, `port`, `user`, `key`, `repository`, `branch`, `install_path`, `home`, `hive_url`, `hive`.

        Raises:
            UsageError: a real SSH server is not available on this machine.
        """
        node = self._session.node_builder.build(
            name,
            option_values(options),
            self._deadline(timeout),
            outcome=ssh,
            server=server,
            delay=delay.total_seconds(),
            host=host,
            installed=installed,
            hub=hub,
        )
        logger.info(f"{name} ({node.user}@{node.host}) is {'there' if ssh is SshOutcome.ok else ssh.value}; its hive will be at {node.hive_url}")
        return node

    @keyword
    @asserting(int, "number")
    def get_ssh_count(self, node: str | Node | None = None, *, check: Check) -> int:
        """Counts the ssh calls to a node, and checks the number if an operator is given.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            The number.
        """
        return self._session.verify(f"number of ssh calls{f' to {node}' if node else ''}", lambda: len(self.get_ssh_calls(node)), check)

    @keyword
    def get_ssh_calls(self, node: str | Node | None = None) -> list[SshCall]:
        """Reads the recorded ssh calls, in order.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            Calls with `argv`, `host`, `stdin`, `outcome`, `exit_code`, `start` and `end` (seconds since 1970); `exit_code` and `end` are None for a call
            that still runs or was killed.
        """
        nodes = self._session.nodes
        return nodes.calls(None if node is None else nodes.host_of(str(node)))

    def _deadline(self, timeout: Span | None) -> float:
        return self._session.start.deadline(None if timeout is None else timeout.total_seconds())
