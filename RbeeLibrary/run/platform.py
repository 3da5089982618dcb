"""Differences between operating systems."""

from __future__ import annotations

import contextlib
import os
import sys

from . import environment

_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8


def portable() -> bool:
    """Whether the run works without prctl, without forking preloaded programs and without kernel-watched lifelines.

    True on macOS, and on Linux with `RBEE_PORTABLE=1` in the environment.
    """
    return sys.platform != "linux" or os.environ.get(environment.PORTABLE) == "1"


def require_supported() -> None:
    """Raises RuntimeError on an operating system that RbeeLibrary does not run on."""
    if os.name != "posix":
        raise RuntimeError(
            f"RbeeLibrary needs Linux or macOS, this is {sys.platform}: it relies on fork, process groups and unix sockets. "
            "On Windows run it inside WSL or a Linux container."
        )


def prctl(option: int, value: int) -> None:
    """Calls Linux's `prctl` with one argument."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def share_heaps() -> None:
    """Limits this process to two malloc arenas; with one per thread, a fake with many threads is a megabyte larger."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(AttributeError):  # musl has no mallopt and does not need it
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def signal_at_parents_end(number: int) -> None:
    """Makes the kernel send a signal to this process when the thread that forked it ends; Linux only."""
    if not portable():
        prctl(_SET_PDEATHSIG, number)
