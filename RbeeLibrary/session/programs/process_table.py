"""What the process table says of the programs of a run."""

from __future__ import annotations

from pathlib import Path

from ...fleet import kernel
from ...fleet.supervisor import Process
from ...run.exit_status import ExitStatus
from ..assertions import repeat_until
from ..run import Run

_SPAWNER = "fake-hive-spawner"
_HELPERS = ("rbee-warden", "rbee-nursery", _SPAWNER)


class ProcessTable:
    """Reads the process table.

    Args:
        run: whose processes they are.
    """

    def __init__(self, run: Run):
        self._run = run

    def count_below(self, process: Process, *, recursive: bool) -> int:
        """Number of living processes below a program; the spawner of a fake hive does not count."""
        below = kernel.descendants(process.pid) if recursive else [pid for pid, parent in kernel.parents().items() if parent == process.pid]
        return sum(1 for pid in below if kernel.start_mark(pid) is not None and not command_line(pid).startswith(_HELPERS))

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

        add(root if root is not None else self._run.supervisor.root, 0)
        return lines

    def await_none_left(self, limit: float) -> list[str]:
        """Waits until no program of the run is alive.

        Args:
            limit: seconds of real time.

        Returns:
            What is alive after that, each with its command line and pid.
        """
        supervisor = self._run.supervisor

        def look() -> list[int]:
            alive = [pid for pid in kernel.marked(supervisor.address) if kernel.start_mark(pid) is not None]
            return [pid for pid in alive if (line := command_line(pid)).startswith(_SPAWNER) or not line.startswith(_HELPERS)]

        left = repeat_until(look, lambda found: not found, limit, supervisor.await_news)
        return [f"{command_line(pid)} (pid {pid})" for pid in left]


def command_line(pid: int) -> str:
    """Words of a process as `ps` shows them; an empty text if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        pass
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def outside_state(process: Process) -> str:
    """State of a process as the process table has it."""
    if process.exit_code is not None:
        return str(ExitStatus(process.exit_code))
    if not process.alive:
        return "gone"
    return "frozen" if process.frozen else "alive"
