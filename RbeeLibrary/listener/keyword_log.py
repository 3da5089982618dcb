"""Keeps when each keyword of the present test began and ended."""

from __future__ import annotations

import time
from typing import Any

from ..report.trace.keyword_span import KeywordSpan

_DEEPEST = 4
_MOST = 5000


class KeywordLog:
    """Keywords of the present test, those that other keywords call up to some depth."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything; called when a test starts."""
        self._open: list[int] = []
        self._ended: list[KeywordSpan] = []

    def enter(self) -> None:
        """Called when a keyword or a control structure starts."""
        self._open.append(time.monotonic_ns())

    def leave(self, result: Any) -> None:
        """Called when it ends."""
        began = self._open.pop() if self._open else 0
        depth = len(self._open) + 1
        if not began or depth > _DEEPEST or len(self._ended) >= _MOST or result.type not in ("KEYWORD", "SETUP", "TEARDOWN"):
            return
        arguments = tuple(str(argument)[:200] for argument in result.args)
        self._ended.append(KeywordSpan(result.id, str(result.name), arguments, depth, began, time.monotonic_ns(), result.status))

    def spans(self) -> list[KeywordSpan]:
        """The keywords in the order of their starts."""
        return sorted(self._ended, key=lambda span: (span.began, span.depth))
