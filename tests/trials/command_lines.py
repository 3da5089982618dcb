"""Looks at the command lines of all processes of this machine."""

import os
from pathlib import Path


def no_command_line_has(variable: str) -> None:
    """Fails if the value of an environment variable is in the command line of any process."""
    secret = os.environ[variable].encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if secret in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    if found:
        raise AssertionError(f"the key is in the command line of {', '.join(found)}")
