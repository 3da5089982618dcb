"""The end of a worker, as its hive handles it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.worker_row import WorkerRow
from RbeeLibrary.fakes.hive.workers import Workers
from RbeeLibrary.fleet.children import Child
from RbeeLibrary.protocol.program_options import HiveOptions


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (-9, None, ["process_exited", "worker_crashed", "worker_removed"]),
        (0, None, ["process_exited", "worker_removed"]),
        (-9, "unhealthy", ["process_exited", "worker_removed"]),
    ],
)
def test_end_is_recorded_before_it_can_be_seen(code, reason, expected):
    """In the list of the hive, by the library, and by the queen."""
    seen, named = [], set()

    def record(kind, **fields):
        named.add(fields["worker_id"])
        seen.append((kind, [row.worker_id for row in workers.rows()]))

    def report(event, **fields):
        seen.append((event, [row.worker_id for row in workers.rows()]))

    hive = SimpleNamespace(clock=Clock(None), journal=SimpleNamespace(record=record), control=SimpleNamespace(report=report), log=lambda line: None)
    workers = Workers(hive, HiveOptions(), None, lambda row, why: seen.append((why, [row.worker_id for row in workers.rows()])))
    row = WorkerRow("worker-1", "127.0.0.1", 8001, "mock-model", "cpu", 0, 1, reason=reason)
    workers._rows["worker-1"] = row
    workers._ended(row, Child(77, 8001, -1, code=code))
    told = reason or ("exited" if code == 0 else "crashed")
    assert seen == [*((kind, ["worker-1"]) for kind in expected), ("child-exited", []), (told, [])]
    assert named == {"worker-1"}


@pytest.mark.parametrize(("code", "recorded"), [(0, ["graceful_exit"]), (1, [])])
def test_end_is_graceful_if_the_exit_code_says_so(monkeypatch, code, recorded):
    records = []
    hive = SimpleNamespace(
        clock=Clock(None),
        journal=SimpleNamespace(record=lambda kind, **fields: records.append(kind)),
        log=lambda line: None,
        faults=SimpleNamespace(find=lambda kind: None),
    )
    workers = Workers(hive, HiveOptions(), None, lambda row, why: None)
    monkeypatch.setattr(workers, "_request_shutdown", lambda row, limit: True)
    child = Child(77, 8001, -1, code=code)
    child.ended.set()
    row = WorkerRow("worker-1", "127.0.0.1", 8001, "mock-model", "cpu", 0, 1)
    row.child = child
    workers.end(row, hive.clock.now() + 10)
    assert records == recorded
