"""RbeeLibrary: a Robot Framework library that starts a fleet of fake rbee programs as real processes.

The class is imported on first use, so that `python -m RbeeLibrary.fakes.worker` never imports Robot Framework.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library import RbeeLibrary as RbeeLibrary

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "RbeeLibrary":
        from .library import RbeeLibrary

        return RbeeLibrary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
