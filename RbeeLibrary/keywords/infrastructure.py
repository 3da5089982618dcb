"""The group Lifecycle: what stands around a fleet: model hub, nodes that ssh reaches, lines between programs."""

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ..errors import ControlFailed, UsageError
from ..protocol.program_options import HiveOptions, HubOptions, RelayOptions, WorkerOptions
from ..session.assertions import Check
from ..session.programs.nodes import SshCall
from ..session.session import Session
from ..session.types import Daemon, Node, ProgramName, SshOutcome, SshServer
from .option_arguments import asserting, option_values, takes_options

_OF_A_NODE = ("fault", "journal", "die_with_parent", "addr", "node_name", "host", "port", "queen_url", "callback_url", "worker_id", "api_key", "models_db")


class InfrastructureKeywords:
    """Part of the group Lifecycle: hub, nodes, relays."""

    def __init__(self, session: Session):
        self._session = session

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
    @asserting(int, "the number")
    def get_ssh_count(self, node: str | Node | None = None, *, check: Check) -> int:
        """Counts the calls of `ssh` to a node, and checks the number if an operator is given.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            The number.
        """
        return self._session.verify(f"number of ssh calls{f' to {node}' if node else ''}", lambda: len(self.get_ssh_calls(node)), check)

    @keyword
    def get_ssh_calls(self, node: str | Node | None = None) -> list[SshCall]:
        """Reads what `ssh` has recorded: every call, in order.

        Args:
            node: Name or object of a node; default: all nodes.

        Returns:
            Calls with `argv`, `host`, `stdin`, `outcome`, `exit_code`, `start` and `end` (seconds since 1970).
        """
        nodes = self._session.nodes
        return nodes.calls(None if node is None else nodes.host_of(str(node)))

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
        target = str(to) if ":" in str(to) else self._session.programs.find(to).url.removeprefix("http://")
        daemon = self._session.start.daemon(name, "relay", deadline=self._deadline(timeout), **option_values(options), to=target)
        logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url} -> {target}")
        return daemon

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
        daemon = self._session.programs.find(name)
        if daemon.role != "relay":
            raise UsageError(f"{daemon} is a {daemon.role}, not a line: start one with Start Relay")
        try:
            self._session.run.supervisor.control(self._session.programs.process(daemon), order)
        except ControlFailed as error:
            raise UsageError(str(error)) from None
        logger.info(f"{daemon}: {order['op']}{' ' + order['rate'] if 'rate' in order else ''}")

    def _deadline(self, timeout: timedelta | None) -> float:
        return self._session.start.deadline(None if timeout is None else timeout.total_seconds())
