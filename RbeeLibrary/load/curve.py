"""Users of a load over time."""

from __future__ import annotations

import math

_STEPS = 5
_BASE, _SPIKE = 0.1, 0.2
"""Share of the users between spikes; share of a period that a spike takes."""


def users_at(now: float, shape: str, period: float, users: int) -> int:
    """Users at a moment.

    Args:
        now: seconds since the start.
        shape: steps or spikes.
        period: seconds of one step, or from spike to spike.
        users: at the top.
    """
    if shape == "steps":
        return max(1, math.ceil(users * min(_STEPS, int(now / period) + 1) / _STEPS))
    return users if now % period < period * _SPIKE else max(1, round(users * _BASE))
