"""The axis of a timeline: long times in which nothing happened are folded, so that the rest has room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONG = 100_000_000
"""Nanoseconds; a shorter silence is never folded."""
_SHARE = 0.4
"""A silence is folded if it takes more than this share of what is drawn."""
_MOST_FOLDS = 6
_FOLD_WIDTH = 34
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 600, 3600, 86400)


@dataclass(frozen=True)
class Stretch:
    """A part of the axis.

    Args:
        began: monotonic nanoseconds.
        ended: likewise.
        left: where it is drawn, in pixels.
        right: likewise.
        folded: whether nothing happens in it, so that it is drawn short.
    """

    began: int
    ended: int
    left: float
    right: float
    folded: bool


class TimeAxis:
    """Places of moments.

    Args:
        began: first moment, in monotonic nanoseconds.
        ended: last moment.
        moments: at which something happened.
        left: pixels of the first moment.
        right: pixels of the last moment.
    """

    def __init__(self, began: int, ended: int, moments: Iterable[int], left: float, right: float):
        self._began, self._ended = began, ended
        folds = _silences(sorted({began, ended, *(moment for moment in moments if began < moment < ended)}))
        self._drawn = ended - began - sum(end - begin for begin, end in folds)
        scale = (right - left - _FOLD_WIDTH * len(folds)) / self._drawn
        self.stretches: list[Stretch] = []
        at, x = began, left
        for begin, end in [*folds, (ended, ended)]:
            for until, folded in ((begin, False), (end, True)):
                width = _FOLD_WIDTH if folded else (until - at) * scale
                if until > at:
                    self.stretches.append(Stretch(at, until, x, x + width, folded))
                    at, x = until, x + width

    def x(self, ns: int) -> float:
        """Pixels of a moment; one outside is at the nearer end."""
        ns = min(max(ns, self._began), self._ended)
        part = next(part for part in self.stretches if ns <= part.ended)
        return round(part.left + (ns - part.began) / (part.ended - part.began) * (part.right - part.left), 1)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Pixels and text of each tick, at most about a dozen; none where the axis is folded."""
        step = next(step for step in _STEPS if self._drawn / 1e9 / step <= 10)
        length = int(step * 1e9)
        for part in self.stretches:
            first = -(-(part.began - self._began) // length)
            last = (part.ended - self._began) // length
            for number in range(first, last + 1) if not part.folded else ():
                yield self.x(self._began + number * length), f"{number * step:.3f}".rstrip("0").rstrip(".") + " s"


def _silences(moments: list[int]) -> list[tuple[int, int]]:
    """The silences to be folded, in order of time; a rim of each is left, so that what is next to it keeps its distance."""
    gaps = sorted(zip(moments, moments[1:], strict=False), key=lambda gap: gap[0] - gap[1])
    left, folds = moments[-1] - moments[0], []
    for begin, end in gaps[:_MOST_FOLDS]:
        if end - begin < _LONG or end - begin < _SHARE * left:
            break
        rim = min((end - begin) // 10, max(1_000_000, (left - (end - begin)) // 20))
        folds.append((begin + rim, end - rim))
        left -= end - begin - 2 * rim
    return sorted(folds)
