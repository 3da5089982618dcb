"""Table of all kinds of faults by name: the keywords, `--fault`, coverage and chaos are derived from it."""

from __future__ import annotations

from collections.abc import Iterator

from . import program_kinds, request_kinds, stream_kinds
from .base import Fault

_MODULES = (request_kinds, program_kinds, stream_kinds)


def _kinds() -> Iterator[type[Fault]]:
    for module in _MODULES:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Fault) and kind.name and kind.__module__ == module.__name__:
                yield kind


KINDS: dict[str, type[Fault]] = {kind.name: kind for kind in _kinds()}
"""Name -> kind."""
