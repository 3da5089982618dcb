"""Limits and policies of a session: values for the run, a suite or a test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from .types import AutoStop, OnLeak, OnUnusedFault


@dataclass(frozen=True)
class Settings:
    """Values that are in force.

    Args:
        timeout: limit of starting and stopping a program, seconds of real time.
        within: how long a check reads again, seconds of real time.
        auto_stop: when what was started is stopped.
        on_leak: what a leaked process does to the test.
        on_unused_fault: what a fault that was never hit does to the test.
    """

    timeout: float = 10.0
    within: float = 2.0
    auto_stop: AutoStop = AutoStop.TEST
    on_leak: OnLeak = OnLeak.FAIL
    on_unused_fault: OnUnusedFault = OnUnusedFault.WARN


class ScopedSettings:
    """A layer for the run, one for each open suite, one for the test; what is set in a layer ends with it."""

    def __init__(self, first: Settings):
        self._layers = [first]

    @property
    def now(self) -> Settings:
        """The values in force."""
        return self._layers[-1]

    def open(self) -> None:
        """Begins a layer."""
        self._layers.append(self.now)

    def close(self) -> None:
        """Ends the innermost layer."""
        if len(self._layers) > 1:
            self._layers.pop()

    def set(self, **values: Any) -> None:
        """Changes values in the innermost layer."""
        self._layers[-1] = replace(self.now, **values)

    def timeout(self, given: timedelta | None) -> float:
        """A limit for starting or stopping, in seconds: the given one, else the one in force."""
        return self.now.timeout if given is None else given.total_seconds()

    def within(self, given: timedelta | None) -> float:
        """Patience of a check, in seconds: the given one, else the one in force."""
        return self.now.within if given is None else given.total_seconds()
