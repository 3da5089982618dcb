"""Repeated attempts with pauses between them: the one way in which fakes retry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...clock.clock import Clock, Event


def attempts(clock: Clock, pauses: Sequence[float], timer: str, wake: Event | None = None) -> Iterator[int]:
    """Numbers of attempts, from 1 on; pauses before each of them.

    Args:
        clock: on which the pauses count.
        pauses: seconds before each attempt; its length is the number of attempts.
        timer: name of the timer, for those who look at what is armed.
        wake: ends a pause early.
    """
    for number, pause in enumerate(pauses, 1):
        if pause:
            clock.wait(wake, clock.now() + pause, timer)
        yield number


def doubling(count: int, first: float) -> list[float]:
    """Pauses before `count` attempts: none, then `first` seconds, then twice as long each time."""
    return [0.0, *(first * 2**number for number in range(count - 1))]
