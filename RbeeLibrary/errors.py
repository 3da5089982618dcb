"""The tree of errors. Every error that this package raises on purpose is below `RbeeLibraryError`.

    RbeeLibraryError
    ├── UsageError            a keyword or method was used in a way that cannot work
    │   └── CannotJudge       a real program cannot be asked for what only a fake tells
    ├── NoRun                 there can be no run here: folder, sockets or nursery are missing
    ├── StartFailed           a program did not start
    │   └── SpawnFailed       a child of a daemon could not be started
    ├── ControlFailed         a fake refused an order of the library, or did not answer it
    ├── NotAtRest             the clock cannot be moved: somebody did not come to rest
    ├── RunIsOver             the run that a process belongs to has ended
    │   └── RunIsFull         the run takes no more connections
    ├── InternalError         the library met an error of its own
    ├── HttpFailure           an HTTP exchange brought no answer
    │   ├── NotConnected      nothing was sent
    │   └── NoAnswer          the request was sent, no complete answer came
    ├── PortTaken             a port is in use (also an OSError)
    ├── BadModel              a model file cannot be used
    ├── BadConfig             a config file cannot be read
    └── RbeeError             an answer that is an error, `protocol/error_codes.py`

Failed checks are `AssertionError`, as Robot Framework and pytest expect. Exceptions that only steer the flow inside one module are private to it.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Collection
from pathlib import Path

_PACKAGE = Path(__file__).parent
UNEXPECTED = (TypeError, AttributeError, LookupError, NameError, ArithmeticError)
"""What no code of this package raises on purpose."""


class RbeeLibraryError(Exception):
    """Root of all errors of this package."""

    ROBOT_SUPPRESS_NAME = True


class UsageError(RbeeLibraryError, ValueError):
    """Something was used in a way that cannot work; the message says what, where, what was expected and what to do."""


class CannotJudge(UsageError):
    """A real program cannot do, or does not tell, what a keyword needs; a test that judges one is skipped."""


class NoRun(RbeeLibraryError):
    """There can be no run here; the message says what is missing, where, and what to do."""


class StartFailed(RbeeLibraryError):
    """A program did not start; the message says why."""


class SpawnFailed(StartFailed):
    """A child of a daemon could not be started; the message says why."""


class ControlFailed(RbeeLibraryError):
    """A fake refused an order of the library, has ended, or did not answer in time."""


class NotAtRest(RbeeLibraryError):
    """A program did not come to rest; the message names it and what it was doing."""


class RunIsOver(RbeeLibraryError):
    """The run that this process belongs to has ended."""


class RunIsFull(RunIsOver):
    """The run that this process belongs to takes no more connections."""


class InternalError(RbeeLibraryError):
    """The library met an error of its own, which is a bug; the message says where."""


class HttpFailure(RbeeLibraryError):
    """An HTTP exchange that brought no answer."""


class NotConnected(HttpFailure):
    """No connection was made: nothing was sent, so the request may be repeated."""


class NoAnswer(HttpFailure):
    """The request was sent, but no complete answer came."""


class BadModel(RbeeLibraryError, ValueError):
    """A model file that cannot be used; the message says why."""


class BadConfig(RbeeLibraryError):
    """A config file that cannot be read; the message has path and line."""


OWN_ERROR = "the program met an error of its own"
"""What a fake says of an error that nobody intended."""
_PLACES = 3
_PLUMBING = ("fakes/runtime/", "keywords/option_arguments.py", "library.py", "listener/")
"""Code that every request or every keyword passes through: its places say nothing."""


def with_place(error: BaseException, *, quotes: bool = False) -> str:
    """Describes an error of this package's own: `AttributeError in clock/clock.py, line 172, called by fakes/hive/hive.py, line 75: 'NoneType' object ...`.

    Args:
        error: the error.
        quotes: whether its text may quote values. Otherwise only texts about types, attributes and arguments are shown, since a value may be secret.
    """
    frames = [(Path(frame.filename), frame.lineno) for frame in reversed(traceback.extract_tb(error.__traceback__))]
    own = [(path.relative_to(_PACKAGE), line) for path, line in frames if path.is_relative_to(_PACKAGE)]
    telling = [*own[:1], *((path, line) for path, line in own[1:] if not str(path).startswith(_PLUMBING))][:_PLACES]
    where = " in " + ", called by ".join(f"{path}, line {line}" for path, line in telling) if telling else ""
    text = f": {error}".splitlines()[0] if quotes or isinstance(error, (AttributeError, NameError, TypeError)) else ""
    return f"{type(error).__name__}{where}{text}"


def check_known(name: str, known: Collection[str], what: str) -> None:
    """Checks a name that a user wrote.

    Args:
        name: the name.
        known: all names that there are.
        what: what it names, for the message.

    Raises:
        UsageError: it is none of them; the message has the nearest ones, or all.
    """
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 3))
        advice = f"did you mean {near}?" if near else f"expected one of {', '.join(sorted(known))}"
        raise UsageError(f"there is no {what} {name!r}, {advice}")
