"""Exit status of a process."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class ExitStatus:
    """Result of `wait` for a process: an exit code, or the negative number of a signal."""

    code: int

    @property
    def exit_code(self) -> int | None:
        """Exit code; None if a signal ended the process."""
        return self.code if self.code >= 0 else None

    @property
    def signal(self) -> int | None:
        """Number of the signal that ended the process; None if it exited."""
        return -self.code if self.code < 0 else None

    def as_fields(self) -> dict[str, int | None]:
        """`exit_code` and `signal` for journal records and error details (contract 13, 18)."""
        return {"exit_code": self.exit_code, "signal": self.signal}

    @classmethod
    def from_fields(cls, exit_code: int | None, signal: int | None) -> ExitStatus:
        """Restores an exit status from `as_fields`."""
        return cls(-signal if signal else exit_code or 0)

    @property
    def short(self) -> str:
        """Short text: `exit code 1` or `SIGKILL`."""
        return f"exit code {self.code}" if self.signal is None else _name(self.signal)

    def __str__(self) -> str:
        return f"exited with {self.code}" if self.signal is None else f"was ended by {_name(self.signal)}"


def _name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
