"""The name under which `ps` shows a process."""

from __future__ import annotations

import sys

_ARG_START, _ARG_END = 47, 48
ROOM = 3600
"""Blanks that a process needs in its argv so that the processes forked from it have room for their words."""


def set_proctitle(words: list[str]) -> None:
    """Shows these words in `ps`, `/proc/PID/cmdline` and psutil, as far as the argv area of the process reaches.

    The area ends with a byte that is not NUL: the kernel then takes what is before the first NUL as the title.
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
