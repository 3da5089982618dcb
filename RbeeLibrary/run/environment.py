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
WAY_OUT_FD = "RBEE_WAY_OUT_FD"
"""Descriptor of a second inherited listening socket: a recorder takes there what its program sends."""
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
UNREACHABLE = "RBEE_UNREACHABLE"
"""Addresses, as `HOST:PORT` with commas between them, that a program cannot reach."""

OF_ONE_PROCESS = (FORKED, READY_FD, LISTEN_FD, WAY_OUT_FD, NAME, UNREACHABLE)
"""Variables that describe one process and must not reach its children."""

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def for_children() -> dict[str, str]:
    """Environment for child processes: without the variables that describe this process only."""
    return {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}


def reach_loopback_directly() -> None:
    """Adds the loopback addresses to NO_PROXY if a proxy is set: HTTP clients of this process would ask the proxy for the programs of the run."""
    if not any(os.environ.get(name) for name in _PROXIES):
        return
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])


def through_proxy(url: str) -> dict[str, str]:
    """Variables that make the HTTP client of a program send every request to a proxy, those to loopback as well."""
    return {**dict.fromkeys(("http_proxy", "HTTP_PROXY"), url), **dict.fromkeys(("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"), "")}
