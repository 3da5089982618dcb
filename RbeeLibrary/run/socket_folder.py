"""The folder for the unix sockets of a run."""

from __future__ import annotations

import os
import sys
import tempfile

from ..errors import NoRun

_PLAIN = "/tmp"
_LONGEST = 103 if sys.platform == "darwin" else 107
"""Maximum length of a unix socket's path in bytes."""
_ROOM_FOR_NAMES = len("/clock.sock")


def socket_folder() -> str:
    """Creates the folder for the run's sockets: in the folder for temporary files, or in /tmp if that path is too long for a socket.

    Raises:
        NoRun: neither can be used.
    """
    reasons = []
    for place in (None, _PLAIN):
        try:
            folder = tempfile.mkdtemp(prefix="rbee-", dir=place)
        except OSError as error:
            reasons.append(str(error))
            continue
        if len(os.fsencode(folder)) + _ROOM_FOR_NAMES <= _LONGEST:
            return folder
        os.rmdir(folder)
        reasons.append(f"{folder} is too long for a unix socket, whose path has at most {_LONGEST} bytes")
    raise NoRun(f"there is no folder for the sockets of a run: {'; '.join(reasons)}. Set TMPDIR to a short path of a folder that can be written to")
