"""The group Processes: exit codes, children, command lines, output, what is left."""

import time
from datetime import timedelta
from html import escape
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from ..fleet import kernel
from ..fleet.supervisor import Process, ending
from ..report.evidence_tables import ProgramEvidence
from ..session.assertions import Check, NotYet
from ..session.launcher import read_output
from ..session.session import Session, seconds
from ..session.stopper import Stopper
from ..session.types import Daemon, OutputStream
from .journal import last_state
from .option_arguments import asserting

_LAST_LINES = 12
_HELPERS = ("rbee-warden", "rbee-nursery", "fake-hive-spawner")


class ProcessKeywords:
    """The group Processes."""

    def __init__(self, context: Session, endings: Stopper):
        self._context = context
        self._endings = endings

    @keyword
    @asserting(int, "the code, negative for a signal (`-9` is SIGKILL),")
    def get_exit_code(self, name: str | Daemon, *, check: Check) -> int:
        """Reads the exit code of a program as `wait` told it, and checks it if an operator is given.

        For a worker it is the status that its hive got. Waits for the end of the program.

        Args:
            name: Name or object of a program.

        Returns:
            The code.
        """
        process = self._context.process(name)

        def read() -> int:
            code = self._endings.await_code(process, 0)
            if code is None:
                raise NotYet(f"is not known, {name} (pid {process.pid}) is still running")
            return code

        return self._context.verify(f"exit code of {name}", read, check)

    @keyword
    @asserting(int, "the number")
    def get_child_count(self, name: str | Daemon, *, recursive: bool = True, check: Check) -> int:
        """Counts the living processes below a program in the process table, and checks the number if an operator is given.

        The spawner, a helper that a fake hive forks its workers with, does not count.

        Args:
            name: Name or object of a program.
            recursive: Whether children of children count as well.

        Returns:
            The number.
        """
        process = self._context.process(name)

        def count() -> int:
            parents = kernel.parents()
            below = kernel.descendants(process.pid) if recursive else [pid for pid, parent in parents.items() if parent == process.pid]
            return sum(1 for pid in below if kernel.start_mark(pid) is not None and not _is_helper(pid))

        return self._context.verify(f"number of processes below {name}", count, check)

    @keyword
    @asserting(str, "the text")
    def get_command_line(self, name: str | Daemon, *, check: Check) -> str:
        """Reads the command line of a program from the process table, and checks it if an operator is given.

        Args:
            name: Name or object of a program.

        Returns:
            The words, joined by blanks.
        """
        process = self._context.process(name)

        def read() -> str:
            text = command_line(process.pid) if process.alive else ""
            if not text:
                raise NotYet(f"cannot be read, {name} (pid {process.pid}) has ended")
            return text

        return self._context.verify(f"command line of {name}", read, check)

    @keyword
    @asserting(str, "the text")
    def get_output(self, name: str | Daemon, *, stream: OutputStream = OutputStream.both, check: Check) -> str:
        """Reads what a program has printed since its first start in this test or suite, and checks it if an operator is given.

        Args:
            name: Name or object of a program.
            stream: `stdout`, `stderr` or `both` (stdout first).

        Returns:
            The text.
        """
        found = self._context.find(name).name
        kinds = ("stdout", "stderr") if stream is OutputStream.both else (stream.value,)
        return self._context.verify(f"output of {name}", lambda: read_output(self._context, found, kinds), check)

    @keyword
    def log_process_tree(self, name: str | Daemon | None = None) -> None:
        """Logs the processes of the run, or those below one program, as a tree with their command lines.

        Args:
            name: Name or object of a program; default: the whole run.
        """
        root = self._context.process(name).pid if name is not None else self._context.supervisor.root
        logger.info(f"<pre>{escape(chr(10).join(self.tree(root)))}</pre>", html=True)

    def tree(self, root: int | None = None) -> list[str]:
        """Lines of the process tree below a pid, or of the whole run."""
        children: dict[int, list[int]] = {}
        for pid, parent in kernel.parents().items():
            children.setdefault(parent, []).append(pid)
        lines: list[str] = []

        def add(pid: int, depth: int) -> None:
            lines.append(f"{pid:>8}  {'    ' * depth}{command_line(pid) or '(ended)'}")
            for child in sorted(children.get(pid, [])):
                add(child, depth + 1)

        add(root if root is not None else self._context.supervisor.root, 0)
        return lines

    @keyword
    def no_process_should_be_left(self, *, within: timedelta | None = None) -> None:
        """Checks in the process table that no program of this run is alive.

        Args:
            within: Patience in real time; the default is the library's.

        Raises:
            AssertionError: something is alive; the message names it.
        """
        limit = seconds(within, self._context.settings.now.within)
        deadline = time.monotonic() + limit
        supervisor = self._context.supervisor
        while True:
            helpers = {pid for pid in kernel.marked(supervisor.address) if _is_helper(pid) and not command_line(pid).startswith("fake-hive-spawner")}
            left = [pid for pid in kernel.marked(supervisor.address) if pid not in helpers and kernel.start_mark(pid) is not None]
            if not left or time.monotonic() >= deadline:
                break
            supervisor.await_news(0.02)
        if left:
            raise AssertionError("still alive: " + ", ".join(f"{command_line(pid)} (pid {pid})" for pid in left))
        logger.info("no program of this run is alive")

    # --- for the library ---

    def evidence(self, processes: list[Process]) -> list[ProgramEvidence]:
        """All programs of a test at this moment; asks no program, so that it never waits."""
        names = {process.pid: process.name for process in self._context.supervisor.processes()}
        found = []
        for process in processes:
            outside = _outside_state(process)
            said = last_state(self._context, process.name, process.pid)
            state = f"{outside}, {said}" if said and process.exit_code is None else outside
            lines = read_output(self._context, process.name).splitlines()[-_LAST_LINES:]
            found.append(
                ProgramEvidence(
                    process.name,
                    process.role,
                    process.pid,
                    names.get(process.ppid, "nursery"),
                    state,
                    "" if process.exit_code is None else str(process.exit_code),
                    str(process.port or ""),
                    command_line(process.pid) if process.alive else "",
                    "\n".join(lines),
                )
            )
        return found


def command_line(pid: int) -> str:
    """Words of a process as `ps` shows them; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        pass
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _outside_state(process: Process) -> str:
    if process.exit_code is not None:
        return ending(process.exit_code)
    if not process.alive:
        return "gone"
    return "frozen" if process.frozen else "alive"


def _is_helper(pid: int) -> bool:
    return command_line(pid).startswith(_HELPERS)
