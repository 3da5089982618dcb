"""The group Processes: exit codes, children, command lines, output, leftover processes."""

from html import escape

from robot.api import logger
from robot.api.deco import keyword

from ..session.assertions import Check, NotYet
from ..session.programs.outputs import BOTH
from ..session.programs.process_table import command_line
from ..session.session import Session
from ..session.types import Daemon, OutputStream
from .argument_types import Span
from .option_arguments import asserting


class ProcessKeywords:
    """Keywords of the group Processes."""

    def __init__(self, session: Session):
        self._session = session

    @keyword
    @asserting(int, "exit code, negative for a signal (`-9` is SIGKILL)")
    def get_exit_code(self, name: str | Daemon, *, check: Check) -> int:
        """Waits for a program to end and reads its exit code, and checks it if an operator is given.

        It is the status that `wait` returned: for a worker to its hive, for other programs to the library.

        Args:
            name: Name or object of a program.

        Returns:
            The exit code.
        """
        process = self._session.programs.process(name)

        def read() -> int:
            code = self._session.stopper.await_code(process, 0)
            if code is None:
                raise NotYet(f"is not known, {name} (pid {process.pid}) is still running")
            return code

        return self._session.verify(f"exit code of {name}", read, check)

    @keyword
    @asserting(int, "number")
    def get_child_count(self, name: str | Daemon, *, recursive: bool = True, check: Check) -> int:
        """Counts the running descendants of a program in the process table, and checks the number if an operator is given.

        The spawner of a fake hive, from which it forks its workers, and the process that waits there to become the next worker, do not count.

        Args:
            name: Name or object of a program.
            recursive: Whether to count children of children as well.

        Returns:
            The number.
        """
        process = self._session.programs.process(name)
        return self._session.verify(f"number of processes below {name}", lambda: self._session.table.count_below(process, recursive=recursive), check)

    @keyword
    @asserting(str, "text")
    def get_command_line(self, name: str | Daemon, *, check: Check) -> str:
        """Reads the command line of a program from the process table, and checks it if an operator is given.

        Args:
            name: Name or object of a program.

        Returns:
            The arguments, joined by blanks.
        """
        process = self._session.programs.process(name)

        def read() -> str:
            text = command_line(process.pid) if process.alive else ""
            if not text:
                raise NotYet(f"cannot be read, {name} (pid {process.pid}) has ended")
            return text

        return self._session.verify(f"command line of {name}", read, check)

    @keyword
    @asserting(str, "text")
    def get_output(self, name: str | Daemon, *, stream: OutputStream = OutputStream.both, check: Check) -> str:
        """Reads the output of a program since its first start in this test or suite, and checks it if an operator is given.

        Args:
            name: Name or object of a program.
            stream: `stdout`, `stderr` or `both` (stdout first).

        Returns:
            The text.
        """
        program = self._session.programs.find(name).name
        streams = BOTH if stream is OutputStream.both else (stream.value,)
        return self._session.verify(f"output of {name}", lambda: self._session.outputs.read(program, streams), check)

    @keyword
    def log_process_tree(self, name: str | Daemon | None = None) -> None:
        """Logs the processes of the run, or of one program and its descendants, as a tree with their command lines.

        Args:
            name: Name or object of a program; default: the whole run.
        """
        root = self._session.programs.process(name).pid if name is not None else None
        logger.info(f"<pre>{escape(chr(10).join(self._session.table.tree(root)))}</pre>", html=True)

    @keyword
    def no_process_should_be_left(self, *, within: Span = None) -> None:
        """Checks in the process table that no program of this run is alive.

        Args:
            within: How long to wait, in real time; default: the library's `within`.

        Raises:
            AssertionError: programs are alive; the message lists them.
        """
        left = self._session.table.await_none_left(self._session.settings.within(within))
        if left:
            raise AssertionError(f"still alive: {', '.join(left)}")
        logger.info("no program of this run is alive")
