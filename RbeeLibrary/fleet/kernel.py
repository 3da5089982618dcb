"""Queries and signals processes through the operating system."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from ..run import environment
from ..run.interruption import interruptible
from ..run.platform import has_pidfds, portable, prctl

_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Makes this process the new parent of all orphans among its descendants; Linux only."""
    if not portable():
        prctl(_SET_CHILD_SUBREAPER, 1)


def read_stat(pid: int) -> list[str] | None:
    """Fields of `/proc/PID/stat`, beginning with the state; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None


def start_mark(pid: int) -> str | None:
    """Start time that distinguishes a process from a later one with the same pid; None if it is gone or a zombie."""
    if sys.platform == "linux":
        fields = read_stat(pid)
        return None if fields is None or fields[0] in "ZX" else fields[19]
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def is_frozen(pid: int) -> bool:
    """Whether all threads of a process are stopped by a signal."""
    if sys.platform == "linux":
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            return False
        states = [fields[0] for thread in threads if (fields := read_stat(int(thread)))]
        return bool(states) and all(state in "Tt" for state in states)
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def stands_still(pid: int) -> bool:
    """Whether the first thread of a process is stopped by a signal; faster than `is_frozen`."""
    if sys.platform == "linux":
        fields = read_stat(pid)
        return fields is not None and fields[0] in "Tt"
    return is_frozen(pid)


def parents() -> dict[int, int]:
    """pid -> ppid of all processes, including zombies."""
    if sys.platform == "linux":
        return {int(name): int(fields[1]) for name in os.listdir("/proc") if name.isdigit() and (fields := read_stat(int(name)))}
    import psutil

    return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}


def descendants(pid: int) -> list[int]:
    """All descendants of a process, parents first."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def listens(pid: int, port: int) -> bool:
    """Whether a process, or one that it has started, listens on a TCP port; true where that cannot be seen."""
    tables = [table for table in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")) if table.exists()]
    row = re.compile(rb": [0-9A-F]+:%04X \S+ 0A(?: \S+){3} +\d+ +\d+ (\d+)" % port)
    try:
        for table in tables:
            sockets = {f"socket:[{inode.decode()}]" for inode in row.findall(table.read_bytes())}
            if sockets and (_has_one(pid, sockets) or any(_has_one(child, sockets) for child in descendants(pid))):
                return True
    except OSError:
        return True
    return not tables


def _has_one(pid: int, files: set[str]) -> bool:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # it has been closed meanwhile
            if os.readlink(f"/proc/{pid}/fd/{fd}") in files:
                return True
    return False


def marked(address: str) -> list[int]:
    """All processes whose environment names this run."""
    mark = f"{environment.RUN}={address}"
    if sys.platform == "linux":
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _environment_has(int(name), mark.encode())]
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(environment.RUN) == address:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def _environment_has(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return mark in environ.read().split(b"\0")
    except OSError:
        return False


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal; ignores a process that is gone or belongs to another user."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def await_end(pid: int, limit: float) -> None:
    """Waits for the end of a process without polling, at most `limit` seconds; does not reap it. Returns immediately where there are no pidfds."""
    if sys.platform != "linux" or not has_pidfds():
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return  # the process has been reaped
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        with interruptible():
            poll.poll(limit * 1000)
    finally:
        os.close(descriptor)


def end_children(limit: float = 5.0) -> None:
    """Kills all descendants until this process has no children; in a subreaper this proves that no descendant is left."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            kill(pid)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def end_marked(address: str, *, spare: set[int]) -> list[int]:
    """Kills processes of a run that are no descendants (started over ssh, or without a lifeline); returns their pids."""
    found = [pid for pid in marked(address) if pid not in spare]
    for pid in found:
        kill(pid)
    return found


def zombie_code(pid: int) -> int | None:
    """Exit code of a zombie, from the process table; None if it is none. Linux only."""
    fields = read_stat(pid) if sys.platform == "linux" else None
    if fields is None or fields[0] != "Z":
        return None
    return os.waitstatus_to_exitcode(int(fields[49]))


def await_gone(pids: Iterable[int], deadline: float) -> None:
    """Waits until processes, which need not be children, are gone, at most until `deadline` (monotonic seconds)."""
    import psutil

    objects = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            objects.append(psutil.Process(pid))
    psutil.wait_procs(objects, timeout=max(0.0, deadline - time.monotonic()))
