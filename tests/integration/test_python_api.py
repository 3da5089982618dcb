"""Fleets in plain Python, without Robot Framework."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import psutil
import pytest
from running import ROOT, await_none_left, robot_env

from RbeeLibrary import Fleet, Rbee
from RbeeLibrary.errors import ControlFailed, UsageError
from RbeeLibrary.protocol.model.model_reference import CATALOG_MODEL
from RbeeLibrary.report.trace.timeline import TestSpan
from RbeeLibrary.run.tcp_ports import free_range

REAL = ROOT / "tests/data/real"


@pytest.fixture
def rbee(tmp_path):
    """Not the plugin's: one object for each test."""
    with Rbee(tmp_path) as one:
        yield one


def test_killed_worker_breaks_its_stream_and_leaves_the_list(tmp_path):
    began = time.time()
    with Fleet(workers=2, token_delay="50ms", artifacts=tmp_path) as fleet:
        answer = fleet.submit("write a short story", to="worker-1")
        assert len(fleet.wait_for_tokens(answer, 8)) >= 8
        fleet.kill("worker-1")
        assert fleet.wait(answer) == "broken"
        assert fleet.exit_code("worker-1") == -9
        assert fleet.wait_for_records("hive", "worker_removed", worker_id="worker-1")[0]["reason"] == "crashed"
        assert [worker.name for worker in fleet.workers] == ["worker-1", "worker-2"]
        pids = [fleet.queen.pid, *(hive.pid for hive in fleet.hives), fleet.workers[1].pid]
        assert all(map(psutil.pid_exists, pids))
    assert await_none_left(began) == []


def test_robot_framework_is_never_imported():
    code = (
        "import sys; from RbeeLibrary import Fleet\n"
        "with Fleet(workers=1) as fleet:\n"
        "    print(fleet.wait(fleet.submit('hello', max_tokens=3)))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('robot', 'RequestsLibrary', 'requests')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=robot_env(), capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["done", "[]"], done.stderr


def test_five_minutes_pass_in_virtual_time(rbee):
    rbee.start_fleet(workers=1)
    rbee.set_time_rate(0)
    rbee.advance_time(299)
    assert rbee.state("worker-1") == "idle"
    rbee.advance_time("2s")
    assert rbee.exit_code("worker-1") == 0
    assert rbee.wait_for_records("hive", "worker_removed", worker_id="worker-1")[0]["reason"] == "idle"


def test_fault_acts_and_is_counted(rbee):
    rbee.start_fleet(workers=1)
    fault = rbee.inject_fault("worker-1", "delay", path="/v1/health", delay=timedelta(milliseconds=10), times=1)
    assert rbee.state("worker-1") == "idle"
    assert rbee.fault_hits(fault) == 1
    rbee.clear_faults()


def test_states_from_every_point_of_view(rbee):
    rbee.start_fleet(workers=1, token_delay="1h")
    rbee.submit("hello", to="worker-1")
    assert rbee.wait_until_state("worker-1", "busy") == "busy"
    rbee.freeze("worker-1")
    assert (rbee.state("worker-1"), rbee.state("worker-1", seen_by="process")) == ("frozen", "frozen")
    rbee.resume("worker-1")
    assert rbee.wait_until_state("worker-1", "busy", seen_by="hive") == "busy"


def test_programs_one_by_one(rbee):
    queen = rbee.start_queen()
    rbee.start_hive(load_time="1h")
    worker = rbee.start_worker("slow", until="loading")
    alone = rbee.start_worker("alone", hive=None)
    line = rbee.start_relay("alone")
    rbee.start_hub(files := "hub")
    assert worker.owner == "hive" and alone.owner is None
    assert (queen.role, line.role, rbee.daemon(files).role) == ("queen", "relay", "hub")
    assert rbee.stop("alone") == 0
    assert rbee.restart("alone").port == alone.port


def test_program_that_does_not_end_in_the_given_time_is_killed(rbee):
    rbee.start_worker("alone", hive=None)
    rbee.inject_fault("alone", "ignore sigterm")
    with pytest.raises(AssertionError, match=r"^alone did not end within 0\.1 s of SIGTERM and got SIGKILL; its last lines:\n"):
        rbee.stop("alone", timeout=0.1)
    assert rbee.exit_code("alone") == -9


def test_keeper_runs_to_its_end(rbee):
    rbee.start_fleet(workers=1)
    result = rbee.run_keeper("workers", "list")
    assert (result.rc, result.stderr) == (0, "")
    assert result.stdout.startswith("worker-1")
    assert rbee.requests("queen", "GET", "/v2/workers/list")[-1].caller.startswith("fake-keeper")


def test_keeper_that_does_not_end_in_the_given_time_is_killed_and_this_is_recorded(rbee, tmp_path):
    keeper = tmp_path / "rbee"
    keeper.write_text("#!/bin/sh\nexec sleep 60\n")
    keeper.chmod(0o700)
    with pytest.raises(AssertionError, match=r"^the keeper did not end within 0\.1 s and got SIGKILL; its last lines:\n"):
        rbee.run_keeper("workers", "list", timeout=0.1, program=str(keeper))
    sent = rbee.session.journals.records(kinds=["signal_sent"])
    assert [(record["to"], record["signal"]) for record in sent] == [("keeper", "SIGKILL")]


def test_real_programs_take_the_place_of_fakes(rbee):
    rbee.start_queen(program=str(REAL / "queen-rbee"))
    rbee.start_hive()
    answer = rbee.submit("hello", max_tokens=3, timeout=20)
    assert rbee.wait(answer, within=20) == "done"
    assert len(rbee.requests("hive", "POST", "/v1/workers/spawn")) == 1
    assert rbee.daemon("queen").profile.name == "queen-rbee"
    assert "{infer,setup,workers}" in rbee.run_keeper("--help", program=str(REAL / "rbee")).stdout
    with rbee.scope("alone"):
        worker = rbee.start_worker("real", hive=None, program=str(REAL / "llm-worker-rbee"), model="/dev/null")
        hive = rbee.start_hive("real-hive", queen=None, program=str(REAL / "rbee-hive"), env={"PYTHONPATH": str(REAL)})
        assert (worker.profile.name, hive.profile.name) == ("llm-worker-rbee", "rbee-hive")


def test_real_queen_reaches_its_hive_beside_a_fake_that_was_started_before_both(rbee):
    rbee.start_worker("fake", hive=None)
    rbee.start_queen(program=str(REAL / "queen-rbee"))
    rbee.start_hive()
    assert rbee.wait(rbee.submit("hello", max_tokens=3, timeout=20), within=20) == "done"


def test_fake_with_the_name_of_a_real_program_is_started_again_as_a_fake(rbee):
    rbee.start_queen(program=str(REAL / "queen-rbee"))
    rbee.stop("queen")
    rbee.start_queen()
    assert rbee.restart("queen").profile is None


def start_real_hive(rbee, **options):
    env = {"PYTHONPATH": str(REAL), "STAND_IN_FIRST_PORT": str(free_range(1))}
    return rbee.start_hive(queen=None, program=str(REAL / "rbee-hive"), env=env, **options)


def test_fake_worker_below_a_real_hive_is_found_in_its_list(rbee):
    start_real_hive(rbee)
    rbee.start_worker("fake")
    assert rbee.wait_until_state("fake", "idle", seen_by="hive") == "idle"


def test_fake_worker_below_a_real_hive_has_the_slots_that_were_asked_for(rbee):
    start_real_hive(rbee)
    worker = rbee.start_worker("fake", slots=3)
    assert rbee.session.programs.ask(worker, "GET", "/v1/status").object()["slots_total"] == 3


def test_real_hive_starts_real_workers_if_they_are_named(rbee):
    hive = start_real_hive(rbee, worker_binary=str(REAL / "llm-worker-rbee"))
    rbee.session.programs.ask(hive, "POST", "/v1/workers/spawn", {"model_ref": CATALOG_MODEL, "backend": "cpu", "device": 0, "model_path": ""})
    (called,) = rbee.wait_for_records("hive", "request_in", path="/v1/workers/ready", within=10)
    assert "vram_bytes" in called["body"]  # which no fake sends


def test_real_program_that_ends_at_once_is_reported_by_its_exit_code(rbee, monkeypatch):
    """Its recorder ends with it, and may do so while the library speaks to it."""
    supervisor = rbee.session.run.supervisor
    control = supervisor.control

    def control_of_the_ended(process, order):
        if order["op"] == "program":
            supervisor.signal(process, signal.SIGKILL)
            supervisor.await_exit(process, 5)
        return control(process, order)

    monkeypatch.setattr(supervisor, "control", control_of_the_ended)
    with pytest.raises(AssertionError, match="^queen did not reach idle: it exited with 1; its last lines:\n"):
        rbee.start_queen(program="/usr/bin/tail", profile="like-fake-queen")


def test_recorder_that_ends_before_its_program_is_reported(rbee, tmp_path, monkeypatch):
    """A program that runs on without a recorder would be judged by nothing."""
    program = tmp_path / "queen"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    supervisor = rbee.session.run.supervisor
    control = supervisor.control
    monkeypatch.setattr(supervisor, "control", lambda process, order: control(process, {**order, "op": "no such order"}))
    with pytest.raises(ControlFailed, match="queen-recorder"):
        rbee.start_queen(program=str(program), profile="like-fake-queen")


def test_real_program_that_does_not_listen_is_reported(rbee, tmp_path):
    program = tmp_path / "queen"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(AssertionError, match="^queen did not reach idle within .* s: it is unreachable"):
        rbee.start_queen(program=str(program), profile="like-fake-queen", timeout=5)


def test_timeline_begins_with_the_states_from_before_the_test(rbee):
    """A program of the suite has told its state before; a real one tells none."""
    rbee.start_fleet(workers=1, queen=str(REAL / "queen-rbee"))
    rbee.wait_until_state("worker-1", "idle", seen_by="hive")
    now = time.monotonic_ns()
    rbee.start_worker("new", hive=None)
    spans = rbee.session.trace.take(TestSpan(now, now)).spans
    assert [span.name for span in spans if span.began > now] == ["new"]
    states = {span.name: span.state for span in spans}
    assert states == {"queen": "running", "queen-recorder": "", "hive": "idle", "worker-1": "idle", "new": ""}


def test_workers_of_a_fleet_are_listed_by_their_numbers_whichever_starts_first(rbee, monkeypatch):
    spawns, second_runs = rbee.session.launcher.worker_spawns, threading.Event()
    spawn = spawns.spawn

    def spawn_the_second_first(name, *rest):
        if name == "worker-1":
            assert second_runs.wait(10)
        try:
            return spawn(name, *rest)
        finally:
            second_runs.set()

    monkeypatch.setattr(spawns, "spawn", spawn_the_second_first)
    fleet = rbee.start_fleet(workers=2)
    rows = rbee.session.states.rows(fleet.hives[0], "/v1/workers/list")
    assert [row["worker_id"] for row in rows] == ["worker-1", "worker-2"]


def test_fleet_can_be_started_again_as_it_was(rbee):
    recipes = []
    given = {"hives": 2, "workers": 1, "slots": 2, "prefix": "b-", "timeout": 20, "token_delay": "1ms"}
    for name in ("first", "second"):
        with rbee.scope(name):
            fleet = rbee.start_fleet(**given)
            assert [one.name for one in (fleet.queen, *fleet.hives, *fleet.workers)] == ["b-queen", "b-hive-1", "b-hive-2", "b-worker-1", "b-worker-2"]
            given = rbee.session.start.recipes[fleet.queen.pid]
            recipes.append(given)
    assert recipes[0] == recipes[1]


def test_misbehaviour_and_wrong_tokens_are_found(rbee):
    rbee.start_fleet(workers=1)
    rbee.inject_fault("worker-1", "skip_token", after_tokens=2, times=1)
    rbee.inject_fault("worker-1", "no end marker", times=1)
    answer = rbee.submit("hello", to="worker-1", max_tokens=5)
    assert rbee.wait(answer) == "broken"
    with pytest.raises(AssertionError, match="stream end: the stream of .* from worker-1 has no end marker"):
        rbee.assert_behaved()
    rbee.assert_behaved("stream end")
    good = rbee.submit("hello", to="worker-1", max_tokens=5)
    assert rbee.wait(good) == "done"


def test_scope_ends_what_was_started_in_it(rbee):
    with rbee.scope("first"):
        rbee.start_fleet(workers=1)
        pid = rbee.daemon("worker-1").pid
    assert not psutil.pid_exists(pid)
    with pytest.raises(UsageError, match="^'queen' has no SQLite file known here"):
        rbee.session.stores.rows("queen", "beehives", {})
    with rbee.scope("second"):
        rbee.start_fleet(workers=1)


def test_frozen_program_is_told_of_a_partition_when_it_is_resumed(rbee):
    rbee.start_fleet(workers=1)
    rbee.session.partitions.part("hive | queen")
    rbee.freeze("hive")
    with pytest.raises(UsageError, match="^hive is frozen, so its network cannot be changed"):
        rbee.session.partitions.heal()
    rbee.resume("hive")
    rbee.kill("worker-1")
    assert rbee.wait_for_records("queen", "request_in", method="POST", path="/v2/workers/removed")


def test_folder_of_a_scope_has_its_name_up_to_forty_characters(rbee, tmp_path):
    with rbee.scope("Killed Worker: Leaves The List Of Its Hive At Once"):
        rbee.start_queen()
    assert (tmp_path / "001-killed-worker-leaves-the-list-of-its-hiv").is_dir()


def test_scope_fails_for_a_process_that_outlives_its_owner(rbee):
    with pytest.raises(AssertionError, match="leaked: worker-1"), rbee.scope("leak"):
        rbee.start_fleet(workers=1)
        rbee.inject_fault("hive", "hasty end")
        rbee.inject_fault("worker-1", "ignore shutdown")
        rbee.stop("hive")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbee: rbee.start_fleet(tokn_delay="1s"), "there is no option 'tokn_delay', did you mean token_delay"),
        (lambda rbee: rbee.start_queen(slots=1), "there is no option 'slots'"),
        (lambda rbee: rbee.inject_fault("worker-1", "stik"), "there is no fault 'stik', did you mean stick"),
        (lambda rbee: rbee.advance_time("soon"), "'soon' is not a duration"),
        (lambda rbee: rbee.advance_time(-1), "time goes forward only"),
        (lambda rbee: rbee.kill("nobody"), "there is no 'nobody', running is"),
    ],
)
def test_bad_input_is_explained(rbee, call, message):
    with pytest.raises(UsageError, match=message):
        call(rbee)
