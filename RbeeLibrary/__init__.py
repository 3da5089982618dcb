"""RbeeLibrary: fake rbee programs as real processes, for Robot Framework, pytest and plain Python.

Everything is imported on first use, so that `python -m RbeeLibrary.fakes.worker` never imports Robot Framework.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library import RbeeLibrary as RbeeLibrary
    from .python_api import Fleet as Fleet
    from .python_api import Rbee as Rbee

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "RbeeLibrary":
        from .library import RbeeLibrary

        return RbeeLibrary
    if name in ("Fleet", "Rbee"):
        from . import python_api

        return getattr(python_api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
