"""Sets the command line that `ps` shows for a process."""

from __future__ import annotations

import sys

_ARG_START, _ARG_END = 47, 48
ROOM = 3600
"""Number of blanks that a process needs in its argv, so that the processes forked from it have room for their titles."""


def set_proctitle(words: list[str]) -> None:
    """Shows these words in `ps`, `/proc/PID/cmdline` and psutil, cut to the size of the process's argv area.

    The last byte of the area is set to a value other than NUL: the kernel then shows the bytes before the first NUL as the title.
    """
    if sys.platform != "linux":
        return
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        start, end = int(fields[_ARG_START - 2]), int(fields[_ARG_END - 2])
        size = end - start
        title = " ".join(words).encode("utf-8", "replace")[: size - 2]
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            memory.write(title + b"\0" * (size - len(title) - 1) + b"-")
        with open("/proc/self/comm", "w", encoding="ascii", errors="replace") as comm:
            comm.write(words[0][:15])
    except (OSError, ValueError, IndexError):
        return
