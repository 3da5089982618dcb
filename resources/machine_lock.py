"""A lock that one process of this machine holds at a time, for suites that use fixed ports."""

import fcntl
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

from robot.api.deco import keyword, library


@library(scope="SUITE")
class machine_lock:
    """Lets one suite at a time use the fixed ports, also when several robots run on this machine."""

    def __init__(self):
        self._held = None

    @keyword
    def acquire_machine_lock(self, name: str, timeout: timedelta = timedelta(minutes=2)):
        """Waits until no other process holds the lock, then holds it until it is released or this process ends."""
        file = (Path(tempfile.gettempdir()) / f"{name}.lock").open("w")
        waiter = threading.Thread(target=fcntl.flock, args=(file, fcntl.LOCK_EX), daemon=True)
        waiter.start()
        waiter.join(timeout.total_seconds())
        if waiter.is_alive():
            raise AssertionError(f"another process has held the lock {file.name} for {timeout.total_seconds():g} s")
        self._held = file

    @keyword
    def release_machine_lock(self):
        """Releases the lock."""
        if self._held is not None:
            self._held.close()
            self._held = None
