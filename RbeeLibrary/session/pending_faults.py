"""Faults that wait for a program to start."""

from __future__ import annotations

from ..faults.base import FaultSpec


class PendingFaults:
    """Faults by the name of the program that will get them with its start."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}

    def add(self, name: str, spec: FaultSpec) -> None:
        """Keeps a fault for the next program of this name."""
        self._waiting.setdefault(name, []).append(str(spec))

    def of(self, name: str) -> list[str]:
        """The faults that wait for a name."""
        return list(self._waiting.get(name, []))

    def take(self, name: str) -> list[str]:
        """The faults for a program that is being started; they do not wait any more."""
        return self._waiting.pop(name, [])

    def copy(self) -> dict[str, list[str]]:
        """All of them, for `restore`."""
        return {name: list(specs) for name, specs in self._waiting.items()}

    def restore(self, saved: dict[str, list[str]]) -> None:
        """Lets faults wait again that a failed start has taken."""
        for name, specs in saved.items():
            self._waiting.setdefault(name, specs)

    def drop(self, name: str | None) -> list[str]:
        """Drops the faults that wait for one name, or for all; returns the names."""
        names = [key for key in self._waiting if name in (None, key)]
        for key in names:
            del self._waiting[key]
        return names
