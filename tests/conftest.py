"""What all tests share."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("tools", "benchmarks")]

from browsing import browser  # noqa: E402, F401
from running import compile_package  # noqa: E402

LONG = (
    "test_portable_mode",
    "test_chaos",
    "test_leftovers",
    "test_memory_growth",
    "test_fuzz",
    "test_state_machine",
    "test_shards",
    "test_bounds",
    "test_resource_exhaustion",
)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        compile_package()


def pytest_collection_modifyitems(items):
    """What takes long comes first, so that nobody waits for the last one; mutations, which are many and short, fill up the end."""

    def place(item):
        name = item.path.stem
        return (next((number for number, one in enumerate(LONG) if name.startswith(one)), len(LONG)), name == "test_mutations")

    items.sort(key=place)
