"""Processes that are forked ahead: each one waits, asleep, until it gets the program that it runs."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from ..run.platform import portable
from ..run.proctitle import set_proctitle
from .launch import Inherited, ProgramSpec, run_program, start_afresh

_LIMIT = 262144
"""Bytes of an order."""
_MOST_DESCRIPTORS = 4
"""That come with an order."""


class Spares:
    """The spares of the nursery, or of a spawner. Without one, or where none can take an order, these fork as usual.

    Args:
        title: name that `ps` shows for a spare.
        fork: forks a process that runs the function and does not return from it; returns its pid.
        count: how many wait at the same time.
        pause: seconds after a start before the next spare is forked, so that it takes no time from programs that start.

    Attributes:
        rehearsals: what a spare does before it waits. The same work is faster later, in the program: its memory has been copied, and its code has run.
    """

    def __init__(self, title: list[str], fork: Callable[[Callable[[], object]], int], count: int, pause: float = 0.1):
        self._title = title
        self._fork = fork
        self._count = 0 if portable() else count
        self._pause = pause
        self._due = 0.0
        self._waiting: dict[int, socket.socket] = {}
        self.rehearsals: Sequence[Callable[[], None]] = ()

    @property
    def wait(self) -> int | None:
        """Milliseconds until the next spare is to be forked; None if there are enough."""
        return max(0, math.ceil((self._due - time.monotonic()) * 1000)) if len(self._waiting) < self._count else None

    def add(self) -> None:
        """Forks one."""
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            self._count = 0  # what is left of descriptors is for programs
            return
        with theirs:
            try:
                self._waiting[self._fork(lambda: self._be_one(theirs))] = ours
            except OSError:
                self._count = 0
                ours.close()

    def start(self, program: ProgramSpec, inherited: Inherited) -> int | None:
        """Has a spare run a program; returns its pid, or None if there is none that can.

        Args:
            program: to run; one with a command line is executed and needs no spare.
            inherited: what it gets.
        """
        self._due = time.monotonic() + self._pause
        if program.module is None:
            return None
        fds = inherited.descriptors()
        order = json.dumps({"program": program.as_json(), "inherited": list(fds)}).encode()
        while self._waiting:
            pid, orders = self._waiting.popitem()
            with orders, contextlib.suppress(OSError):  # it is gone: somebody has killed it
                socket.send_fds(orders, [order], list(fds.values()))
                return pid
        return None

    def forget(self, pid: int) -> bool:
        """Forgets a spare that has ended: somebody has killed it. Returns whether the process was one."""
        orders = self._waiting.pop(pid, None)
        if orders is not None:
            orders.close()
        return orders is not None

    def _be_one(self, orders: socket.socket) -> NoReturn:
        start_afresh({orders.fileno()})
        set_proctitle(self._title)
        try:
            for rehearse in self.rehearsals:
                rehearse()
        except Exception:  # its program starts all the same, only not as fast
            traceback.print_exc()
        order, fds, _, _ = socket.recv_fds(orders, _LIMIT, _MOST_DESCRIPTORS)
        if not order:
            os._exit(0)
        orders.close()
        message = json.loads(order)
        inherited = Inherited.of(dict(zip(message["inherited"], fds, strict=True)))
        run_program(ProgramSpec(**message["program"]), inherited)
