"""Names of the environment variables that connect the processes of a run."""

from __future__ import annotations

import os

RUN = "RBEE_RUN"
"""Path of the run's unix socket."""
NAME = "RBEE_NAME"
"""Name of this process in the run."""
READY_FD = "RBEE_READY_FD"
"""Descriptor to which this process writes its ready line."""
LISTEN_FD = "RBEE_LISTEN_FD"
"""Descriptor of an inherited listening socket."""
FORKED = "RBEE_FORKED"
"""Set in a process that was forked from the nursery: it may fork children itself, and its argv area has room for their titles."""
OUTPUTS = "RBEE_OUTPUTS"
"""Folder for standard output and standard error of child processes."""
JOURNALS = "RBEE_JOURNALS"
"""Folder for journals."""
PORTABLE = "RBEE_PORTABLE"
"""`1` = do without features that only Linux has."""
API_KEY = "RBEE_API_KEY"
"""Bearer key of a program."""
WORKER_HOST = "RBEE_WORKER_HOST"
"""Address on which a hive's workers listen and that they advertise."""

OF_ONE_PROCESS = (FORKED, READY_FD, LISTEN_FD, NAME)
"""Variables that describe one process and must not reach its children."""


def for_children() -> dict[str, str]:
    """Environment for child processes: without the variables that describe this process only."""
    return {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}
