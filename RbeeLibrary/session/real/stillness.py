"""Whether real programs are at rest. They cannot be asked, so the process table tells whether they sleep, and their recorders what is on the way."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Sequence


def are_still(pids: Sequence[int], is_on_the_way: Callable[[], bool]) -> bool:
    """Whether all threads of these programs sleep, and nothing that could wake them is on the way.

    Args:
        pids: of the programs.
        is_on_the_way: whether something that they have sent, or that is sent to them, is not passed on yet.
    """
    ran = list(map(_runs, pids))
    if not _sleep(pids) or is_on_the_way():
        return False
    return _sleep(pids) and ran == list(map(_runs, pids))  # what was passed on before the question has woken nobody: who is awake may not have run yet


def _sleep(pids: Sequence[int]) -> bool:
    return all(are_all(pid, b"S") for pid in pids)


def are_all(pid: int, state: bytes) -> bool:
    """Whether all threads of a process are in a state of the process table; true of a process that is gone."""
    return all(text.rpartition(b") ")[2][:1] == state for text in _of_threads(pid, "stat"))


def pause(seconds: float) -> None:
    """Waits; there is no event for a process that falls asleep or stops."""
    select.select([], [], [], seconds)


def _runs(pid: int) -> list[bytes]:
    """How often each thread of a process has run."""
    return [text.split()[2] for text in _of_threads(pid, "schedstat")]


def _of_threads(pid: int, file: str) -> list[bytes]:
    found = []
    with contextlib.suppress(OSError):  # the process has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/{file}", "rb", buffering=0) as text:  # the thread has ended
                found.append(text.read(400))
    return found
