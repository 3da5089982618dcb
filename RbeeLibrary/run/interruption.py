"""Signals that interrupt a keyword: its timeout, Ctrl+C. They are postponed to the next wait of the keyword, or to its end.

Only a second SIGINT or SIGTERM, sent while the first is still postponed, acts at once.

Robot Framework interrupts a keyword with an exception from a signal handler, between any two instructions. Code that has just taken something, and has not
yet reached the `try` that gives it back, would keep it for the rest of the run.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

_SIGNALS = [number for name in ("SIGALRM", "SIGINT", "SIGTERM") if (number := getattr(signal, name, None)) is not None]
_nothing = contextlib.nullcontext()


class _Postponed:
    """The signal handlers of the caller, postponed to the next wait."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self._handlers = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
        self._arrived: list[tuple[Any, ...]] = []
        self._waiting = False
        self._interrupted = False

    def install(self) -> None:
        """Takes the place of the handlers."""
        for number in self._handlers:
            signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Puts the handlers back, and calls those whose signals have arrived and were not passed on."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        self._pass_on()

    @contextmanager
    def wait(self) -> Iterator[None]:
        """A block in which a signal interrupts the keyword. After the first interruption, signals wait for the end of the keyword, which is cleaning up."""
        if self._interrupted:
            yield
            return
        try:
            self._waiting = True
            self._pass_on()
            yield
        finally:
            self._waiting = False

    def _handle(self, number: int, frame: Any) -> None:
        insists = number != getattr(signal, "SIGALRM", None) and any(earlier == number for earlier, _ in self._arrived)
        self._arrived.append((number, frame))
        if self._waiting or insists:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._arrived:
            number, frame = self._arrived.pop(0)
            self._waiting, self._interrupted = False, True
            try:
                self._handlers[number](number, frame)
            except Exception:
                if not self._arrived:
                    raise


_postponed: _Postponed | None = None


def interruptible() -> AbstractContextManager[None]:
    """A block that waits, and that a signal may interrupt. It must be possible to leave the block at any point without losing anything."""
    postponed = _postponed
    return postponed.wait() if postponed is not None and postponed.thread == threading.get_ident() else _nothing


def interrupted_in_waits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function: signals interrupt it only in its `interruptible` blocks and at its end."""

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        global _postponed
        if _postponed is not None or threading.current_thread() is not threading.main_thread():
            return function(*positional, **named)
        mine = _postponed = _Postponed()
        try:
            mine.install()
            return function(*positional, **named)
        finally:
            _postponed = None
            mine.uninstall()

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call
