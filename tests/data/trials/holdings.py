"""What a run holds at this moment."""

import glob
import os
import tempfile
import time

import psutil


def holdings(hive: int) -> dict[str, int]:
    """Descriptors, children, listening ports and temporary folders; read until they stand still, so that what is about to end has ended."""
    deadline = time.monotonic() + 10
    last: dict[str, int] = {}
    while time.monotonic() < deadline:
        now = _read(hive)
        if now == last:
            return now
        last = now
        psutil.cpu_percent(0.3)
    return last


def _read(hive: int) -> dict[str, int]:
    robot = psutil.Process()
    below = [process for process in robot.children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE]
    listening = sum(1 for process in [robot, *below] for connection in process.net_connections("tcp") if connection.status == psutil.CONN_LISTEN)
    return {
        "robot's descriptors": robot.num_fds(),
        "nursery's descriptors": next(process.num_fds() for process in below if process.name().startswith("rbee-nursery")),
        "hive's descriptors": psutil.Process(hive).num_fds(),
        "processes": len(below),
        "listening ports": listening,
        "temporary folders": len(glob.glob(os.path.join(tempfile.gettempdir(), "rbee-*"))),
    }
