"""Names of the environment variables through which the processes of a run know each other."""

from __future__ import annotations

import os

RUN = "RBEE_RUN"
"""Path of the run's unix socket."""
NAME = "RBEE_NAME"
"""Name of this process in the run."""
READY_FD = "RBEE_READY_FD"
"""Descriptor on which this process says in one line that it serves."""
LISTEN_FD = "RBEE_LISTEN_FD"
"""Descriptor of a socket that listens already."""
FORKED = "RBEE_FORKED"
"""Set in a process that was forked from the nursery: it may fork children itself, and its argv area has room for their names."""
OUTPUTS = "RBEE_OUTPUTS"
"""Folder for the standard output and standard error of child processes."""
JOURNALS = "RBEE_JOURNALS"
"""Folder for journals."""
PORTABLE = "RBEE_PORTABLE"
"""`1` runs without what only Linux has."""
API_KEY = "RBEE_API_KEY"
"""Bearer key of a program."""
WORKER_HOST = "RBEE_WORKER_HOST"
"""Address on which a hive's workers listen and that they advertise."""

OF_ONE_PROCESS = (FORKED, READY_FD, LISTEN_FD, NAME)
"""Variables that describe one process and must not reach those that it starts."""


def for_children() -> dict[str, str]:
    """The environment without the variables that describe this process only."""
    return {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}
