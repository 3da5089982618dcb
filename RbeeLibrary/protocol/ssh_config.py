"""Values in the notation of OpenSSH's configuration."""

from __future__ import annotations


def quoted_path(path: str) -> str:
    """A path as one value: `%` would begin a token, a blank or a quote would end the value."""
    escaped = path.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
