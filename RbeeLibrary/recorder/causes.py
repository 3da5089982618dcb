"""Because of which request to a program it sends one itself: a real program passes no ids on, so this is found by connection, fields and order."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Any, Protocol

_NOTICES = ("/workers/ready", "/workers/register", "/workers/removed", "/heartbeat")
"""Requests that tell a program something, and cause none."""


class Asked(Protocol):
    """A request to the program."""

    number: int
    correlation_id: str
    path: str
    body: Any
    status: int


class Sent(Protocol):
    """A request of the program."""

    number: int
    path: str
    body: Any
    status: int


class Causes:
    """Assigns requests of a program to the requests to it that are under way.

    Of several that look alike it is a guess at first: probably the oldest that has caused none yet. Which one it was is seen when the program answers one of
    them: it does that because its own request was answered. The guess is corrected then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: list[Asked] = []
        self._guessed: dict[Sent, Asked] = {}
        self._count: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def begins(self, asked: Asked) -> None:
        """Adds a request to the program."""
        with self._lock:
            self._under_way.append(asked)

    def ends(self, asked: Asked) -> None:
        """Removes a request to the program."""
        with self._lock:
            if asked in self._under_way:
                self._under_way.remove(asked)
            self._count.pop(asked.number, None)
            self._guessed = {sent: cause for sent, cause in self._guessed.items() if cause is not asked}

    def of(self, sent: Sent) -> tuple[Asked | None, bool]:
        """The request because of which the program sends one, and whether that is certain: the one under way whose body is most like it."""
        with self._lock:
            found = [one for one in self._under_way if not one.path.endswith(_NOTICES)]
            if not found:
                return None, False
            alike = [_likeness(one, sent) for one in found]
            best = [one for one, count in zip(found, alike, strict=True) if count == max(alike)]
            cause = min(best, key=lambda one: self._count[one.number][sent.path])
            self._count[cause.number][sent.path] += 1
            if len(best) > 1:
                self._guessed[sent] = cause
            return cause, len(best) == 1

    def answers(self, asked: Asked) -> list[tuple[Sent, Asked]]:
        """What the guesses should have been, now that the program answers a request: its requests, and what caused them."""
        with self._lock:
            own = [sent for sent, cause in self._guessed.items() if cause is asked]
            if any(sent.status for sent in own):
                return []
            paths = {sent.path for sent in own}
            for sent, twin in self._guessed.items():
                if sent.status and not twin.status and (not own or sent.path in paths) and _likeness(twin, sent) == _likeness(asked, sent):
                    swapped = [(sent, asked), *((mine, twin) for mine in own if mine.path == sent.path)]
                    for moved, cause in swapped:
                        self._count[self._guessed[moved].number][moved.path] -= 1
                        self._count[cause.number][moved.path] += 1
                        self._guessed[moved] = cause
                    return swapped
        return []


def _likeness(asked: Asked, sent: Sent) -> int:
    return len(_fields(asked.body) & _fields(sent.body))


def _fields(body: Any) -> set[tuple[str, str]]:
    """Fields with their values; numbers may lose digits on their way through a program."""
    if not isinstance(body, dict):
        return set()
    return {(name, f"{value:.6g}" if isinstance(value, float) else repr(value)) for name, value in body.items()}
