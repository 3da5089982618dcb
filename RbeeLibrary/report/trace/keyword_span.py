"""A keyword of a test over time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeywordSpan:
    """A keyword that a test has run.

    Args:
        id: of the keyword in the log, such as `s1-t2-k3`.
        name: as it was called.
        arguments: as texts.
        depth: 1 for the keywords of the test itself, more for those that they call.
        began: monotonic nanoseconds.
        ended: likewise.
        status: PASS, FAIL and so on.
    """

    id: str
    name: str
    arguments: tuple[str, ...]
    depth: int
    began: int
    ended: int
    status: str
