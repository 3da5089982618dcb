"""The workers of a hive: rows, ports and programs."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.fakes.hive.hive import Hive
from RbeeLibrary.fakes.hive.worker_row import WorkerRow
from RbeeLibrary.fakes.hive.workers import Workers
from RbeeLibrary.fleet import kernel
from RbeeLibrary.fleet.children import Child
from RbeeLibrary.protocol.error_codes import RbeeError
from RbeeLibrary.protocol.program_options import HiveOptions
from RbeeLibrary.protocol.schema.messages import SpawnRequest
from RbeeLibrary.protocol.units import Duration
from RbeeLibrary.run import environment
from RbeeLibrary.run.tcp_ports import free_range


def workers(clock: Clock, **options: Any) -> Workers:
    """Workers of a hive that writes nothing down and has real time."""
    hive = SimpleNamespace(
        clock=clock,
        real_clock=Clock(activity=clock.activity),
        journal=SimpleNamespace(record=lambda kind, **fields: None),
        control=None,
        log=lambda line: None,
        url="http://127.0.0.1:9200",
        reach=SimpleNamespace(environment=dict),
    )
    return Workers(hive, HiveOptions(**options), None, lambda row, reason: None)


def program(path: Path, text: str = "exit 0") -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_row_has_a_pid_once_there_is_a_process():
    row = WorkerRow("worker-1", "127.0.0.1", 8001, "m", "cpu", 0, 1)
    assert row.as_dict()["pid"] is None
    row.child = Child(77, 8001, -1)
    assert row.as_dict()["pid"] == 77


def test_port_is_the_first_that_nobody_has():
    first = free_range(4)
    several = workers(Clock(None), worker_ports=f"{first}-{first + 3}")
    several._rows["worker-1"] = WorkerRow("worker-1", "127.0.0.1", first, "m", "cpu", 0, 1)
    with socket.create_server(("127.0.0.1", first + 1)):
        assert several._pick_port(None, {first + 2}) == first + 3
        with pytest.raises(RbeeError, match=f"^no port of {first}-{first + 3} is free$") as refused:
            several._pick_port(None, {first + 2, first + 3})
    assert refused.value.code == "NO_FREE_PORT"


def test_program_of_another_name_is_taken_from_the_same_folder(tmp_path):
    usual, other = program(tmp_path / "llm-worker-rbee"), program(tmp_path / "worker-of-tomorrow")
    row = WorkerRow("worker-1", "127.0.0.1", 8001, "m", "cpu", 0, 1)
    several = workers(Clock(None), worker_binary=str(usual))
    assert several._program(row, SpawnRequest()).command[0] == str(usual)
    assert several._program(row, SpawnRequest(binary="worker-of-tomorrow")).command[0] == str(other)


@pytest.mark.parametrize(("wanted", "code"), [("bin/worker", "INVALID_REQUEST"), ("worker-of-tomorrow", "WORKER_BINARY_NOT_FOUND")])
def test_program_that_is_not_there_is_refused(wanted, code):
    several = workers(Clock(None))
    several.check_binary("mock-worker")
    with pytest.raises(RbeeError) as refused:
        several.check_binary(wanted)
    assert refused.value.code == code


def test_worker_whose_end_could_not_be_noticed_is_killed(tmp_path):
    records: dict[str, dict[str, Any]] = {}

    def watch(*_: Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    several = workers(Clock(None), worker_binary=str(program(tmp_path / "worker", "exec sleep 60")), worker_args="real", worker_ports="0")
    several._hive.journal.record = lambda kind, **fields: records.update({kind: fields})
    several._reaper.watch = watch
    try:
        with pytest.raises(RbeeError, match="could not be started: .*Too many open files") as failed:
            several.start(SpawnRequest(worker_id="worker-1"), None)
    finally:
        pid = records["process_started"]["child"]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert failed.value.code == "WORKER_CRASHED"
    assert several.rows() == []
    assert records["force_kill"] == {"worker_id": "worker-1", "pid": pid, "reason": "not started", "signal": 9}


def look_while_settling(tmp_path, look) -> None:
    """Starts a real worker, which settles for a moment; `look` gets the workers of its hive and their clock meanwhile."""
    clock = Clock(None)
    several = workers(clock, worker_binary=str(program(tmp_path / "worker", "exec sleep 60")), worker_args="real", worker_ports="0", spawn_settle=Duration(0))
    several._hive.real_clock = SimpleNamespace(now=clock.now, wait=lambda event, until: look(several, clock))
    try:
        several.start(SpawnRequest(), None)
    finally:
        (row,) = several.rows()
        row.child.signal(signal.SIGKILL)
        assert clock.wait(row.child.ended, clock.now() + 10)


def test_settling_of_a_real_worker_is_a_job_of_its_own(tmp_path):
    seen: list[list[str]] = []
    look_while_settling(tmp_path, lambda several, clock: seen.append(clock.activity.working()))
    assert seen == [["spawn-settle"]]


def test_start_and_end_of_a_worker_are_reported_to_the_library(tmp_path):
    reports = []
    several = workers(Clock(None), worker_binary=str(program(tmp_path / "worker", "exit 3")), worker_args="real", worker_ports="0", spawn_settle=Duration(10))
    several._hive.control = SimpleNamespace(report=lambda event, **fields: reports.append((event, fields)))
    with pytest.raises(RbeeError) as crashed:
        several.start(SpawnRequest(worker_id="worker-1"), None)
    pid = crashed.value.details["pid"]
    assert reports == [
        ("child-started", {"pid": pid, "ppid": os.getpid(), "name": "worker-1", "role": "worker", "port": 0}),
        ("child-exited", {"pid": pid, "code": 3}),
    ]


def test_worker_that_never_opens_its_port_is_killed_and_its_end_is_told(tmp_path):
    several = workers(Clock(None), worker_binary=str(program(tmp_path / "worker", "exec sleep 60")), worker_ports="0", spawn_timeout=Duration(0.001))
    with pytest.raises(RbeeError, match="^worker worker-1 did not open its port within 1ms$") as crashed:
        several.start(SpawnRequest(worker_id="worker-1"), None)
    assert crashed.value.code == "WORKER_CRASHED"
    assert crashed.value.details == {"pid": crashed.value.details["pid"], "exit_code": None, "signal": signal.SIGKILL}
    assert several.rows() == []


def test_worker_counts_as_started_once_its_process_exists(tmp_path):
    seen: list[bool] = []
    look_while_settling(tmp_path, lambda several, clock: seen.extend(clock.wait(row.started, 0.0) for row in several.rows()))
    assert seen == [True]


def test_process_whose_start_cannot_be_recorded_is_killed(tmp_path):
    logged, started = [], []

    def record(kind: str, **fields: Any) -> None:
        if kind == "process_started":
            started.append(fields["child"])
            raise OSError(errno.ENOSPC, "no space left")

    several = workers(Clock(None), worker_binary=str(program(tmp_path / "worker", "exec sleep 60")), worker_args="real", worker_ports="0")
    several._hive.journal, several._hive.log = SimpleNamespace(record=record), logged.append
    try:
        with pytest.raises(RbeeError, match="could not be started: .*no space left"):
            several.start(SpawnRequest(worker_id="worker-1"), None)
        assert logged == [f"worker worker-1 (pid {started[0]}) gets SIGKILL: not started"]
    finally:
        kernel.kill(started[0])
        os.waitpid(started[0], 0)
    assert several.rows() == []


def test_start_that_does_not_end_delays_the_end_of_its_hive_no_longer_than_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hive = Hive(HiveOptions(provision="off", shutdown_total=Duration(0.01)), listener)
        hive.workers._rows["worker-1"] = WorkerRow("worker-1", "127.0.0.1", 8001, "m", "cpu", 0, 1)
        end = threading.Thread(target=hive.drain, daemon=True)
        end.start()
        end.join(10)
    assert not end.is_alive()


def given_up(several: Workers) -> Child:
    """The child of a worker that is not listed any more."""
    row = WorkerRow("worker-1", "127.0.0.1", 8001, "m", "cpu", 0, 1)
    row.child = Child(77, 8001, -1)
    several._rows["worker-1"] = row
    several.unlist(row)
    assert several.rows() == []
    return row.child


def test_end_of_a_worker_that_was_given_up_is_awaited():
    several = workers(Clock(None))
    child = given_up(several)
    threading.Timer(0.05, child.ended.set).start()
    several.await_given_up(several._hive.clock.now() + 10)
    assert child.ended.is_set()


def test_hive_does_not_end_before_a_worker_that_it_has_given_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hive = Hive(HiveOptions(provision="off", queen_url=None), listener)
        child = given_up(hive.workers)
        threading.Timer(0.05, child.ended.set).start()
        hive.drain()
    assert child.ended.is_set()


def test_worker_that_was_given_up_and_runs_for_too_long_is_killed(monkeypatch):
    several, signals = workers(Clock(None)), []
    child = given_up(several)
    monkeypatch.setattr(child, "signal", lambda number: (signals.append(number), child.ended.set()))
    several.await_given_up(several._hive.clock.now())
    assert signals == [signal.SIGKILL]


def test_second_signal_kills_a_worker_that_was_given_up(monkeypatch):
    several, signals = workers(Clock(None)), []
    child = given_up(several)
    monkeypatch.setattr(child, "signal", lambda number: (signals.append(number), child.ended.set()))
    several.kill_all("second signal")
    assert signals == [signal.SIGKILL]


def test_output_of_a_worker_goes_to_files_of_its_name_in_a_run_and_is_inherited_elsewhere(tmp_path, monkeypatch):
    row, several = WorkerRow("worker-1", "127.0.0.1", 8001, "m", "cpu", 0, 1), workers(Clock(None))
    monkeypatch.setenv(environment.OUTPUTS, str(tmp_path))
    in_run = several._program(row, SpawnRequest())
    assert (in_run.stdout, in_run.stderr) == (str(tmp_path / "worker-1.stdout"), str(tmp_path / "worker-1.stderr"))
    monkeypatch.delenv(environment.OUTPUTS)
    alone = several._program(row, SpawnRequest())
    assert (alone.stdout, alone.stderr) == (None, None)
