"""Retries of all fakes: attempts with pauses between them on the run's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...clock.clock import Clock
from ...clock.event import Event


def attempts(clock: Clock, pauses: Sequence[float], timer: str, wake: Event | None = None) -> Iterator[int]:
    """Yields attempt numbers from 1 on, after the pause before each attempt.

    Args:
        clock: measures the pauses.
        pauses: seconds before each attempt; its length is the number of attempts.
        timer: name of the timer during a pause.
        wake: ends a pause early when it is set.
    """
    for number, pause in enumerate(pauses, 1):
        if pause:
            clock.wait(wake, clock.now() + pause, timer)
        yield number


def doubling(count: int, first: float) -> list[float]:
    """Pauses in seconds before `count` attempts: none, then `first`, then twice as long each time."""
    return [0.0, *(first * 2**number for number in range(count - 1))]
