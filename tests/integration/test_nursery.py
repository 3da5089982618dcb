"""The nursery and its socket, spoken to directly."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from RbeeLibrary.errors import ControlFailed, RunIsFull
from RbeeLibrary.fleet import kernel
from RbeeLibrary.fleet.children import Child
from RbeeLibrary.fleet.launch import ProgramSpec
from RbeeLibrary.fleet.supervisor import StartFailed, Supervisor
from RbeeLibrary.run.lifeline import connect
from RbeeLibrary.session.programs.process_table import command_line


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


# --- spares, which are forked on Linux only ---

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the nursery forks nothing ahead")


def spares(supervisor) -> list[int]:
    """Pids of the processes that the nursery has forked ahead."""
    return [pid for pid in kernel.marked(supervisor.address) if command_line(pid).startswith("rbee-nursery-spare")]


def await_spares(supervisor, count: int) -> list[int]:
    deadline = time.monotonic() + 20
    while len(found := spares(supervisor)) != count:
        assert time.monotonic() < deadline, f"{len(found)} spares, expected {count}"
    return found


@on_linux
def test_spare_becomes_the_program_and_is_replaced(supervisor, tmp_path):
    waiting = await_spares(supervisor, 2)
    process = start(supervisor, worker("first", tmp_path))
    assert process.pid in waiting
    assert command_line(process.pid).startswith("mock-worker --port")
    assert process.pid not in await_spares(supervisor, 2)
    assert supervisor.control(process, {"op": "state"}) == "idle"
    assert os.readlink(f"/proc/{process.pid}/fd/1") == str(tmp_path / "first.out")


@on_linux
def test_program_that_a_spare_became_has_its_own_group_signals_and_descriptors(supervisor, tmp_path):
    """As if it had been forked for it: a spare keeps nothing of the nursery and nothing of its own."""
    await_spares(supervisor, 2)
    first = start(supervisor, worker("of-a-spare", tmp_path))
    kernel.kill(await_spares(supervisor, 2)[0])
    tickets = [supervisor.begin(worker(f"forked-{number}", tmp_path), "worker") for number in range(3)]
    forked = [supervisor.await_start(ticket, time.monotonic() + 10) for ticket in tickets][-1]
    supervisor.await_ready(forked, time.monotonic() + 10)

    def seen(process):
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line)
        kinds = sorted(re.sub(r"\d+", "N", os.readlink(f"/proc/{process.pid}/fd/{fd}")) for fd in os.listdir(f"/proc/{process.pid}/fd"))
        return {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "Umask", "PPid")}, [kind.replace("of-a-spare", "forked-N") for kind in kinds]

    assert os.getpgid(first.pid) == first.pid
    deadline = time.monotonic() + 10
    while seen(first) != seen(forked):  # one of them may still be about to close what it needed for its start
        assert time.monotonic() < deadline, f"{seen(first)}\n{seen(forked)}"


@on_linux
def test_spare_that_somebody_killed_is_no_end_of_a_program(supervisor, tmp_path):
    waiting = await_spares(supervisor, 2)
    for pid in waiting:
        kernel.kill(pid)
    kernel.await_gone(waiting, time.monotonic() + 10)
    process = start(supervisor, worker("first", tmp_path))
    assert process.alive
    await_spares(supervisor, 2)
    assert supervisor.alive() == [process]


@on_linux
def test_frozen_spare_runs_its_program_when_it_goes_on(supervisor, tmp_path):
    """Nobody but an outsider can freeze one; the start takes as long as that."""
    waiting = await_spares(supervisor, 2)
    for pid in waiting:
        kernel.kill(pid, signal.SIGSTOP)
    ticket = supervisor.begin(worker("first", tmp_path), "worker")
    process = supervisor.await_start(ticket, time.monotonic() + 10)
    assert process.pid in waiting
    kernel.kill(process.pid, signal.SIGCONT)
    supervisor.await_ready(process, time.monotonic() + 10)


@on_linux
def test_spares_end_with_their_nursery(tmp_path):
    running = Supervisor(["RbeeLibrary.fakes.worker"], str(tmp_path), os.environ)
    waiting = await_spares(running, 2)
    kernel.kill(waiting[0], signal.SIGSTOP)
    kernel.kill(kernel.parents()[waiting[0]])
    kernel.await_gone(waiting, time.monotonic() + 10)
    assert not any(kernel.start_mark(pid) for pid in waiting)
    running.close()


@on_linux
def test_rehearsal_that_fails_makes_no_start_fail(tmp_path):
    (tmp_path / "broken_rehearsal.py").write_text("def rehearse():\n    raise RuntimeError('broken')\n")
    running = Supervisor(["RbeeLibrary.fakes.worker", "broken_rehearsal"], str(tmp_path), {**os.environ, "PYTHONPATH": str(tmp_path)})
    try:
        waiting = await_spares(running, 2)
        process = start(running, worker("first", tmp_path))
        assert process.pid in waiting
        assert process.alive
    finally:
        running.close()


def test_child_of_a_spawner_does_nothing_before_it_may_run(tmp_path):
    out = str(tmp_path / "out")
    script = (
        "import select\n"
        "import RbeeLibrary.fakes.worker.worker\n"
        "from RbeeLibrary.clock.activity import Activity\n"
        "from RbeeLibrary.fleet.children import Spawner\n"
        "from RbeeLibrary.fleet.launch import ProgramSpec\n"
        "words = ['--port', '{port}', '--worker-id', 'w']\n"
        f"child = Spawner('hive').start(ProgramSpec('w', module='RbeeLibrary.fakes.worker', argv=words, stdout={out!r}))\n"
        "print('before', select.select([child.ready], [], [], 0.5)[0])\n"
        "child.let_run()\n"
        "print('after', child.read_ready(Activity()))\n"
        "child.signal(9)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    assert run.stdout.startswith("before []\nafter {"), run.stdout + run.stderr


def test_child_that_is_given_up_keeps_no_descriptor():
    ready, its_ready = os.pipe()
    its_gate, gate = os.pipe()
    child = Child(pid=0, port=None, ready=ready, gate=gate)
    child.give_up()
    child.give_up()
    assert os.read(its_gate, 1) == b"", "the gate is closed"
    with pytest.raises(BrokenPipeError):
        os.write(its_ready, b"ready")
    os.close(its_gate)
    os.close(its_ready)


@on_linux
def test_run_without_a_descriptor_left_says_so_and_goes_on(supervisor, tmp_path):
    first = start(supervisor, worker("first", tmp_path))
    nursery = kernel.parents()[first.pid]
    limits = resource.prlimit(nursery, resource.RLIMIT_NOFILE)
    resource.prlimit(nursery, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{nursery}/fd")) + 3, limits[1]))
    said = r"takes no more processes: Too many open files\. At most \d+ may be open at once; allow more with ulimit -n$"
    with contextlib.ExitStack() as held, pytest.raises(RunIsFull, match=said):
        for _ in range(8):
            held.enter_context(connect(supervisor.address, {"hello": "control", "pid": os.getpid()}))
    resource.prlimit(nursery, resource.RLIMIT_NOFILE, limits)
    assert start(supervisor, worker("second", tmp_path)).alive
