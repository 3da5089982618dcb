"""The nursery and its socket, spoken to directly."""

from __future__ import annotations

import os
import socket
import time

import pytest

from RbeeLibrary.errors import ControlFailed
from RbeeLibrary.fleet.launch import ProgramSpec
from RbeeLibrary.fleet.supervisor import StartFailed, Supervisor


@pytest.fixture
def supervisor(tmp_path):
    running = Supervisor(["RbeeLibrary.fakes.worker"], str(tmp_path), os.environ)
    yield running
    running.close()


def start(supervisor, program, limit=10.0):
    deadline = time.monotonic() + limit
    process = supervisor.await_start(supervisor.begin(program, "worker"), deadline)
    supervisor.await_ready(process, deadline)
    return process


def worker(name: str, tmp_path, **more) -> ProgramSpec:
    out, err = str(tmp_path / f"{name}.out"), str(tmp_path / f"{name}.err")
    return ProgramSpec(
        name, module="RbeeLibrary.fakes.worker", argv=["--port", "{port}", "--worker-id", name], title="mock-worker", stdout=out, stderr=err, **more
    )


def test_garbage_on_the_socket_of_the_run_ends_only_its_own_connection(supervisor, tmp_path):
    start(supervisor, worker("first", tmp_path))
    for garbage in (
        b"\xff\xfe\n",
        b"[1]\n",
        b"{}\n",
        b'{"hello":"lifeline"}\n',
        b"x" * 100_000,
        b'{"reply":99}\n',
        b'{"hello":"control","pid":[]}\n',
        b'{"hello":"control","pid":1}\n{"reply":[]}\n',
        b"\n\n",
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(supervisor.address)
            connection.sendall(garbage)
    process = start(supervisor, worker("second", tmp_path))
    assert process.alive


def test_socket_of_the_run_is_for_its_owner_only(supervisor, tmp_path):
    start(supervisor, worker("first", tmp_path))
    assert os.stat(supervisor.address).st_mode & 0o077 == 0


def test_sixteen_starts_asked_at_once_all_serve(supervisor, tmp_path):
    deadline = time.monotonic() + 20
    tickets = [supervisor.begin(worker(f"w{number}", tmp_path), "worker") for number in range(16)]
    processes = [supervisor.await_start(ticket, deadline) for ticket in tickets]
    for process in processes:
        supervisor.await_ready(process, deadline)
    assert len({process.port for process in processes}) == 16
    assert len({process.pid for process in processes}) == 16


def test_taken_port_names_its_holder(supervisor, tmp_path):
    first = start(supervisor, worker("first", tmp_path))
    with pytest.raises(StartFailed, match=rf"^port {first.port} is taken by pid {first.pid} \(mock-worker\)$"):
        start(supervisor, worker("second", tmp_path, port=first.port))


def test_program_that_is_not_there_ends_with_127_and_says_so(supervisor, tmp_path):
    with pytest.raises(StartFailed, match="it exited with 127 while starting"):
        start(supervisor, ProgramSpec("ghost", command=["/no/such/program"], port=None, stderr=str(tmp_path / "ghost.err")))
    assert (tmp_path / "ghost.err").read_text() == "/no/such/program cannot be started: No such file or directory\n"


@pytest.mark.parametrize(("command", "code"), [(["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -9 $$"], -9), (["sh", "-c", "kill -15 $$"], -15)])
def test_exit_codes_are_those_of_wait(supervisor, command, code):
    deadline = time.monotonic() + 10
    process = supervisor.await_start(supervisor.begin(ProgramSpec("p", command=command, port=None), "worker"), deadline)
    assert supervisor.await_exit(process, 10) == code
    assert not process.alive


def test_order_to_a_program_that_is_no_fake_is_refused(supervisor):
    deadline = time.monotonic() + 10
    process = supervisor.await_start(supervisor.begin(ProgramSpec("sleeper", command=["sleep", "60"], port=None), "worker"), deadline)
    with pytest.raises(ControlFailed, match="it is no fake, or it has ended"):
        supervisor.control(process, {"op": "state"})


def test_order_to_a_frozen_fake_ends_after_its_limit(supervisor, tmp_path):
    process = start(supervisor, worker("w", tmp_path))
    assert supervisor.control(process, {"op": "state"}) == "idle"
    supervisor.signal(process, 19)
    deadline = time.monotonic() + 10
    while not process.frozen:
        assert time.monotonic() < deadline, "it never stood still"
    with pytest.raises(ControlFailed, match="did not answer within 0.3 s"):
        supervisor.control(process, {"op": "state"}, limit=0.3)


def test_end_of_the_run_ends_programs_that_ignore_sigterm(tmp_path):
    running = Supervisor(["RbeeLibrary.fakes.worker"], str(tmp_path), os.environ)
    deadline = time.monotonic() + 10
    process = running.await_start(
        running.begin(ProgramSpec("deaf", command=["sh", "-c", "trap '' TERM HUP INT; sleep 60 & wait; sleep 60"], port=None), "worker"), deadline
    )
    assert process.alive
    running.close()
    assert not process.alive
    assert not os.path.exists(os.path.dirname(running.address))
