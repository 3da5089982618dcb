"""A start in progress."""

from __future__ import annotations

from dataclasses import dataclass

from ...fleet.supervisor import Process
from ..types import Daemon


@dataclass(eq=False, repr=False)
class Launching:
    """A start in progress.

    Args:
        daemon: the program.
        process: its process.
        is_fake: whether it is one of this package.
        hive_of: the fake queen that is told where this hive is, and the node.
        node_of: the real queen in whose registry this hive's node is written, and the node.
    """

    daemon: Daemon
    process: Process
    is_fake: bool
    hive_of: tuple[Process, str] | None = None
    node_of: tuple[str, str] | None = None
