"""Looks at what anybody on this machine can see of the processes of a run: command lines, environments, files, ports."""

import os
import stat
from pathlib import Path

import psutil
import requests


def ask_with_key(method: str, url: str, variable: str, body: dict | None = None) -> int:
    """Sends a request with a key that robot's log does not get to see; returns the status."""
    return requests.request(method, url, json=body, headers={"Authorization": f"Bearer {os.environ[variable]}"}, timeout=20).status_code


def no_command_line_has(*variables: str) -> None:
    """Fails if the value of an environment variable of robot is in the command line of any process."""
    found = []
    for name in variables:
        secret = os.environ[name].encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if secret in path.read_bytes():
                    found.append(f"{name} in {path.read_bytes().decode(errors='replace')[:80]}")
            except OSError:
                continue
    if found:
        raise AssertionError(f"a key is in a command line: {', '.join(found)}")


def programs_with_in_environment(variable: str) -> list[str]:
    """Names of the processes below robot that have the value of an environment variable of robot under another name in their environment."""
    secret = os.environ[variable].encode()
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            entries = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(secret in entry and not entry.startswith(variable.encode() + b"=") for entry in entries):
            found.add(process.name())
    return sorted(found)


def files_that_others_can_reach() -> list[str]:
    """What is in the folders of this run's sockets and has rights for others than its owner."""
    folders = {word.rpartition("/")[0] for process in psutil.Process().children(recursive=True) for word in process.cmdline() if word.endswith("/run")}
    if not folders:
        raise AssertionError("no process below robot names its run")
    paths = [Path(folder) for folder in folders]
    paths += [path for folder in paths for path in folder.rglob("*")]
    if not any(stat.S_ISSOCK(path.lstat().st_mode) for path in paths):
        raise AssertionError("the run has no socket")
    return [f"{path} {stat.filemode(path.lstat().st_mode)}" for path in paths if not path.is_symlink() and path.lstat().st_mode & 0o077]


def addresses_that_are_listened_on() -> dict[str, list[str]]:
    """Address -> what listens there, of robot and all that is below it."""
    found: dict[str, set[str]] = {}
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN or connection.type.name == "SOCK_DGRAM":
                found.setdefault(connection.laddr.ip, set()).add(process.cmdline()[0].rpartition("/")[2])
    return {address: sorted(names) for address, names in found.items()}
