"""What belongs to a test, and what to a suite: it ends with it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..fleet.supervisor import Process
from .session import Session
from .stopper import Ended, Stopper


@dataclass(eq=False, repr=False)
class _Scope:
    began: float
    ports: set[int]
    nodes: set[str]


class Scopes:
    """Open suites and the test; every process belongs to the innermost scope that was open when it started."""

    def __init__(self, context: Session, endings: Stopper):
        self._context = context
        self._endings = endings
        self._open: list[_Scope] = []

    def open(self, ports: set[int], nodes: set[str]) -> None:
        """Begins a scope; `ports` were occupied and `nodes` were there before it."""
        self._open.append(_Scope(time.monotonic(), ports, nodes))

    @property
    def depth(self) -> int:
        """How many scopes are open."""
        return len(self._open)

    def processes(self) -> list[Process]:
        """What was started since the innermost scope began."""
        began = self._open[-1].began if self._open else 0.0
        return [process for process in self._context.supervisor.processes() if process.started >= began]

    def end_processes(self, limit: float) -> Ended:
        """Ends what was started in the innermost scope."""
        mine = self.processes()
        ended = self._endings.end(mine, limit)
        self._context.forget(mine)
        return ended

    def close(self) -> tuple[set[int], set[str]]:
        """Ends the innermost scope; returns the ports that were occupied and the nodes that were there before it."""
        if not self._open:
            return set(), set()
        scope = self._open.pop()
        return scope.ports, scope.nodes
