"""Differences between operating systems."""

from __future__ import annotations

import contextlib
import functools
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


@functools.cache
def has_pidfds() -> bool:
    """Whether processes can be waited for and signalled by descriptors; an old kernel or a sandbox may refuse it."""
    if portable():
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def open_standard_streams() -> None:
    """Opens closed standard streams on /dev/null: else the next file or socket takes their place, and gets what is printed."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if fd == 0 else os.O_WRONLY)  # the lowest free descriptor is this one
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", errors="replace", closefd=False)


def expand_home(path: str) -> str:
    """The path, with a leading `~` replaced by the home folder.

    Raises:
        FileNotFoundError: there is none: HOME is not set, and the user has no entry in the user database.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise FileNotFoundError(f"{path} cannot be used, because this user has no home folder: set HOME, or give a path without ~")
    return expanded


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
