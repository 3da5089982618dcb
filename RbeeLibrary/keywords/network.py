"""The group Network: lines between programs, and partitions."""

import re
from typing import Any

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from ..errors import ControlFailed, UsageError
from ..protocol.program_options import RelayOptions
from ..session.session import Session
from ..session.types import Daemon, ProgramName
from .argument_types import Default, Share, SizeText, Span
from .option_arguments import option_values, takes_options

_NO_LOSS: Any = Default(0.0)
_MOST_LOSS = 0.9


class NetworkKeywords:
    """Keywords of the group Network."""

    def __init__(self, session: Session):
        self._session = session

    # --- partitions ---

    @keyword
    def partition(self, *groups: str) -> None:
        """Parts the network until `Heal` or the end of the test: no program of a group can reach a program of another group. Contract 19.

        It is as if every packet between the groups were lost: an attempt to connect gets no answer, streams stand still, and neither side hears
        when the other one ends a connection. Programs that are not named reach everybody, and so does the test. A hive stands for its machine: for its
        workers too, also for those that it starts later. Lines to a program are parted with it. Of a real program, its recorder parts the network.

        Args:
            groups: Names of programs, with `|` between groups and `,` between names: `hive-1 | queen`, or `queen, hive-1 | hive-2`.

        Raises:
            UsageError: there are less than two groups, a program is in two of them, is frozen, or is not running.
        """
        logger.info(f"parted: {self._session.partitions.part(*groups)}")

    @keyword
    def heal(self) -> None:
        """Ends all partitions: what was held back arrives, and programs can reach each other again. `Partition` begins one.

        Raises:
            UsageError: a program is frozen, so that it cannot be told.
        """
        healed = self._session.partitions.heal()
        logger.info(f"healed: {'; '.join(map(str, healed)) or 'nothing was parted'}")

    # --- lines ---

    @keyword
    @takes_options(RelayOptions, skip=("to", "journal", "die_with_parent", "api_key", "report_version", "keep_alive"))
    def start_relay(
        self,
        name: ProgramName = "line",  # type: ignore[assignment]
        *,
        to: str | Daemon,
        timeout: Span = None,
        **options: Any,
    ) -> Daemon:
        """Starts a TCP relay ("line") in front of a program: connections to its `url` are forwarded to the program. Contract 19.

        `Cut Line`, `Stall Line`, `Mend Line`, `Limit Line` and `Delay Line` simulate network problems on it. With `kernel=True`, packets really cross a network
        namespace of the kernel, and latency, loss and stalls are the kernel's; where the machine cannot do that, the test is skipped, with the reason. While
        such a line is stalled, what is under way in the kernel keeps the run's clock from being moved.

        Args:
            name: Name of the program in other keywords.
            to: Target: name or object of a program, or `HOST:PORT`.
            timeout: Time limit in real time; default: the library's `timeout`.

        Returns:
            The relay with `url`, `port`, `pid`, `name`, `role`.

        Raises:
            AssertionError: the program did not start; the message has its exit code and last output.
        """
        target = str(to) if ":" in str(to) else self._session.programs.find(to).url.removeprefix("http://")
        deadline = self._session.start.deadline(None if timeout is None else timeout.total_seconds())
        try:
            daemon = self._session.start.daemon(name, "relay", deadline=deadline, **option_values(options), to=target)
        except AssertionError as error:
            _skip_without_kernel_link(str(error))
            raise
        logger.info(f"started {daemon}, pid {daemon.pid}, {daemon.url} -> {target}")
        return daemon

    @keyword
    def cut_line(self, name: str | Daemon = "line") -> None:
        """Cuts a line: closes all its connections and refuses new ones until `Mend Line`.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "cut"}, "cut")

    @keyword
    def stall_line(self, name: str | Daemon = "line") -> None:
        """Stalls a line: its connections stay open but transfer nothing until `Mend Line`.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "stall"}, "stalled")

    @keyword
    def mend_line(self, name: str | Daemon = "line") -> None:
        """Mends a line that was cut or stalled: it transfers held-back data and accepts new connections.

        Args:
            name: Name or object of a relay.
        """
        self._order(name, {"op": "mend"}, "mended")

    @keyword
    def delay_line(self, latency: Span, name: str | Daemon = "line", *, loss: Share = _NO_LOSS) -> None:
        """Delays everything on a line, on the run's clock; of a line with `kernel=True`, the kernel does it in real time.

        A lost packet comes when TCP sends it again: after 0.2 s, and after twice as long for each further loss. What comes behind it waits for it.

        Args:
            latency: Time that bytes are under way, in each direction; `0s` = none.
            name: Name or object of a relay.
            loss: Share of packets that are lost, from `0` to `0.9`.

        Raises:
            UsageError: more than nine of ten packets would be lost.
        """
        if loss > _MOST_LOSS:
            raise UsageError(f"loss={loss:g} is too much: expected at most {_MOST_LOSS:g}; to lose everything, use Stall Line")
        seconds = latency.total_seconds()
        self._order(name, {"op": "delay", "latency": seconds, "loss": loss}, f"delayed by {seconds:g} s, {loss:.0%} of the packets are lost")

    @keyword
    def limit_line(self, rate: SizeText, name: str | Daemon = "line") -> None:
        """Limits the transfer rate of a line in each direction, on the run's clock.

        Args:
            rate: Size per second, such as `100KB`; `0` = unlimited.
            name: Name or object of a relay.
        """
        self._order(name, {"op": "rate", "rate": rate}, f"limited to {rate} per second")

    def _order(self, name: str | Daemon, order: dict[str, Any], done: str) -> None:
        daemon = self._session.programs.find(name)
        if daemon.role != "relay":
            raise UsageError(f"{daemon} is a {daemon.role}, not a line: start one with Start Relay")
        try:
            self._session.run.supervisor.control(self._session.programs.process(daemon), order)
        except ControlFailed as error:
            _skip_without_kernel_link(str(error))
            raise UsageError(str(error)) from None
        logger.info(f"{daemon} is {done}")


def _skip_without_kernel_link(message: str) -> None:
    """Skips the test if a message says that this machine cannot have a link of the kernel."""
    if (why := re.search(r"a kernel link .*", message)) is not None:
        raise SkipExecution(why[0])
