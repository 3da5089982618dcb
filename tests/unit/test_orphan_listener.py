"""The process that holds the port of a worker which leaves its listener behind."""

from __future__ import annotations

from RbeeLibrary.fakes.worker.orphan_listener import leave_listener
from RbeeLibrary.run.tcp_ports import listen


def test_worker_that_ends_gracefully_leaves_no_process_behind():
    with listen("127.0.0.1", 0) as listener:
        handle = leave_listener(listener, "worker-1")
        handle.release()
    assert handle._process.returncode == 0
