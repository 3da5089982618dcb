"""The fakes as programs, started from a shell and without Robot Framework."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from running import await_none_left, robot_env

from RbeeLibrary.faults.registry import KINDS

LIMIT = 10.0
MODULES = {"fake-queen": "queen", "fake-hive": "hive", "fake-worker": "worker", "mock-worker": "worker", "fake-hub": "hub", "fake-relay": "relay"}


@contextmanager
def program(name: str, *arguments: str, env: dict[str, str] | None = None, fds: tuple[int, ...] = (), output: int = subprocess.PIPE):
    """A program that serves; its ready line is read from a pipe."""
    read, write = os.pipe()
    words = [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", *arguments]
    process = subprocess.Popen(
        words,
        env={**robot_env(env), "RBEE_READY_FD": str(write)},
        pass_fds=(write, *fds),
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
    )
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            line = ready.readline()
        process.ready = json.loads(line) if line else None
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):  # it may end at this very moment
            for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
                child.kill()
        process.kill()
        process.communicate()


def ask(port: int, method: str, path: str, body: str | None = None, host: str = "127.0.0.1", headers: dict[str, str] | None = None) -> tuple[int, str]:
    """One exchange, its status and its text."""
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def end(process: subprocess.Popen, number: int = signal.SIGTERM) -> tuple[int, str]:
    """Sends a signal and returns exit code and standard error."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=LIMIT)
    return process.returncode, errors


@pytest.fixture
def fixed_ports():
    """Keeps this machine's runs apart that use rbee's own ports."""
    with (Path(tempfile.gettempdir()) / "rbee-fixed-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_walk_through_in_two_terminals(fixed_ports):
    """A worker by hand, then a hive and its worker, to the letter; curl sends form data, not JSON."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with program("mock-worker", "--port", "8001", "--worker-id", "test", "--queen-url", "http://localhost:8080"):
        assert ask(8001, "GET", "/v1/health", host="localhost") == (200, '{"status":"healthy","state":"idle"}')
        status, text = ask(8001, "POST", "/v1/inference", '{"prompt":"test"}', "localhost", form)
        assert status == 200
        tokens = ['{"t":"Once"}', '{"t":" upon"}', '{"t":" a"}', '{"t":" time"}', '{"t":"..."}', "[DONE]"]
        assert text == "".join(f"data: {token}\n\n" for token in tokens)
    with program("fake-hive") as hive:
        answer = ask(9200, "POST", "/v1/workers/spawn", "{}", headers=form)
        assert answer == (200, '{"worker_id":"mock-worker-8001","url":"http://127.0.0.1:8001","state":"loading"}')
        (worker,) = psutil.Process(hive.pid).children()
        assert "mock-worker" in " ".join(worker.cmdline())
        status, text = ask(9200, "GET", "/v1/workers/list")
        assert text.startswith('{"workers":[{"worker_id":"mock-worker-8001","url":"http://127.0.0.1:8001","state":"idle",')
        code, errors = end(hive, signal.SIGINT)
        assert code == 0
        assert not worker.is_running()
        assert f"worker mock-worker-8001 (pid {worker.pid}) started on port 8001" in errors


@pytest.mark.parametrize("name", ["fake-queen", "fake-hive", "fake-worker"])
def test_version(name):
    done = subprocess.run(
        [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", "--version"], env=robot_env(), capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stdout) == (0, f"{name} 0.1.0\n")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("fake-worker", ["--worker-id", "x"], "--port"),
        ("fake-worker", ["--port", "0", "--worker-id", "x", "--slots", "0"], "--slots"),
        ("fake-worker", ["--port", "0", "--worker-id", "x", "--token-delay", "soon"], "'soon' is not a duration such as 500ms, 2s, 5min"),
        ("fake-worker", ["--port", "0", "--worker-id", "x", "--event-shape", "round"], "plain"),
        ("fake-hive", ["--no-such-flag"], "--no-such-flag"),
        ("fake-queen", ["--port", "70000"], "70000 is out of range, expected 0 to 65535"),
        ("fake-queen", ["deamon"], "deamon"),
    ],
)
def test_bad_flags_end_with_2_and_say_why(name, arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", *arguments], env=robot_env(), capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "said"),
    [
        ("fake-hive", ["--addr", "nonsense"], 2, "--addr: nonsense: expected HOST:PORT"),
        ("fake-hive", ["--port", "0", "--worker-ports", "9-1"], 2, "--worker-ports: 9-1"),
        ("fake-queen", ["--port", "0", "--hive-url", "here"], 2, "--hive-url: here: expected NODE=URL"),
        ("fake-worker", ["--prot", "1"], 2, "fake-worker: error: unrecognized arguments: --prot 1, did you mean --port? (see fake-worker --help)"),
        ("fake-queen", ["--port", "0", "--fault", "sall"], 1, "there is no fault 'sall', expected KIND or KIND:NAME=VALUE"),
        ("fake-worker", ["--port", "0", "--worker-id", "x", "--answers", "/no/such.json"], 1, "/no/such.json"),
    ],
)
def test_values_that_cannot_work_say_why(name, arguments, code, said):
    done = subprocess.run(
        [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", *arguments], env=robot_env(), capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["fake-queen", "fake-hive", "fake-worker"])
def test_taken_port_names_its_holder(name):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        words = ["--worker-id", "x"] if name == "fake-worker" else []
        done = subprocess.run(
            [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", "--port", str(port), *words],
            env=robot_env(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 1
        assert f"port {port} is taken by pid {os.getpid()} (" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("name", "words"), [("fake-queen", ["daemon"]), ("fake-hive", ["daemon"]), ("fake-worker", ["--worker-id", "x"])])
def test_sigterm_and_sigint_end_with_0(name, words, number):
    with program(name, *words, "--port", "0") as process:
        code, errors = end(process, number)
        assert code == 0
        assert "Traceback" not in errors


def test_shutdown_request_without_grace_ends_a_worker_at_once_with_0():
    with program("fake-worker", "--port", "0", "--worker-id", "x") as worker:
        assert ask(worker.ready["port"], "POST", "/v1/admin/shutdown", '{"graceful":false}')[0] == 202
        _, errors = worker.communicate(timeout=LIMIT)
        assert worker.returncode == 0
        assert "Traceback" not in errors and "model unloaded" not in errors


def test_answer_that_is_written_arrives_when_the_port_is_closed_already(tmp_path):
    larger_than_buffers_of_the_kernel = " ".join(["x" * 1_000_000] * 8)
    (tmp_path / "answers.json").write_text(json.dumps({"story": larger_than_buffers_of_the_kernel}))
    with program("fake-worker", "--port", "0", "--worker-id", "x", "--answers", str(tmp_path / "answers.json")) as worker:
        connection = http.client.HTTPConnection("127.0.0.1", worker.ready["port"], timeout=LIMIT)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)  # otherwise the kernel may make it as large as the answer
        connection.request("POST", "/v1/inference", '{"prompt":"story"}')
        answer = connection.getresponse()
        while json.loads(ask(worker.ready["port"], "GET", "/v1/status")[1])["requests"]:
            continue
        worker.send_signal(signal.SIGTERM)
        while any(one.status == psutil.CONN_LISTEN for one in psutil.Process(worker.pid).net_connections()):
            continue
        assert answer.read().endswith(b"data: [DONE]\n\n")
        connection.close()


def test_hive_takes_addr_with_and_without_daemon():
    with program("fake-hive", "daemon", "--addr", "127.0.0.1:0") as hive:
        assert ask(hive.ready["port"], "GET", "/v1/health") == (200, '{"status":"alive","version":"0.1.0","api_version":"v1"}')


def test_words_from_the_environment_come_before_argv():
    with program("fake-worker", "--port", "0", "--worker-id", "x", env={"RBEE_WORKER_ARGS": "--answer 'from the environment' --slots 2"}) as worker:
        _, text = ask(worker.ready["port"], "POST", "/v1/inference", '{"prompt":"x"}')
        assert [json.loads(line[6:])["t"] for line in text.split("\n\n")[:-2]] == ["from", " the", " environment"]


def test_key_of_a_worker_stands_in_no_command_line():
    with program("fake-worker", "--port", "0", "--worker-id", "x", "--api-key", "very-secret") as worker:
        assert ask(worker.ready["port"], "GET", "/v1/status")[0] == 401
        assert ask(worker.ready["port"], "GET", "/v1/status", headers={"Authorization": "Bearer very-secret"})[0] == 200
        shown = Path(f"/proc/{worker.pid}/cmdline").read_bytes()
        assert b"very-secret" not in shown
        assert b"--api-key ***" in shown


def test_workers_of_a_killed_hive_live_on_unless_told_otherwise():
    for words, outlives in ((["--workers-die-with-hive", "on"], False), ([], True)):
        with program("fake-hive", "--port", "0", "--worker-ports", "0", *words) as hive:
            status, text = ask(hive.ready["port"], "POST", "/v1/workers/spawn", "{}")
            assert status == 200, text
            (worker,) = psutil.Process(hive.pid).children()
            hive.kill()
            hive.wait(LIMIT)
            gone, alive = psutil.wait_procs([worker], timeout=0.7 if outlives else LIMIT)
            assert (alive == [worker]) is outlives
            for process in alive:
                process.kill()


def test_fake_imports_neither_robot_framework_nor_requests():
    code = (
        "import sys, RbeeLibrary.fakes.{0}; print([name for name in sys.modules if name.split('.')[0] in ('robot', 'RequestsLibrary', 'requests', 'psutil')])"
    )
    for role in ("queen", "hive", "worker"):
        done = subprocess.run([sys.executable, "-c", code.format(role)], env=robot_env(), capture_output=True, text=True, timeout=LIMIT)
        assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_fault_of_the_command_line_keeps_the_port_closed_from_the_start():
    with program("fake-worker", "--port", "0", "--worker-id", "x", "--fault", "refuse") as worker, pytest.raises(ConnectionRefusedError):
        ask(worker.ready["port"], "GET", "/v1/health")


def test_nothing_is_left():
    assert await_none_left(time.time() - 120) == []


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_keeper_says_that_its_output_cannot_be_written(words, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "RbeeLibrary.fakes.keeper", *words],
            env=robot_env({"HOME": str(tmp_path)}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    assert (done.returncode, done.stderr) == (1, "rbee-keeper: standard output cannot be written: No space left on device\n")


def test_user_without_a_home_folder_gets_no_folder_called_tilde(tmp_path):
    without = "import os, pwd, sys; os.environ.pop('HOME'); pwd.getpwuid = lambda uid: {}[uid]; from RbeeLibrary.fakes.queen.queen import main; main()"
    done = subprocess.run([sys.executable, "-c", without, "--port", "0"], env=robot_env(), cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("this user has no home folder: set HOME, or give a path without ~")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fake-queen", "fake-hive", "fake-worker", "fake-hub", "fake-relay"])
def test_help_says_what_a_program_is_for(name):
    """Two sentences, examples, the faults that fit it."""
    done = subprocess.run(
        [sys.executable, "-m", f"RbeeLibrary.fakes.{MODULES[name]}", "--help"], env=robot_env(), capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0
    about = done.stdout.partition("\n\n")[2].partition("\noptions:")[0]
    assert about.startswith(("Stands in for ", "A TCP line ")) and f"\nexamples:\n  {name} " in about
    faults = {line.split()[0] for line in done.stdout.partition("\nfaults (contract 19):\n")[2].splitlines()}
    assert faults == {kind.name for kind in KINDS.values() if name.removeprefix("fake-") in kind.roles}


def test_help_of_ssh():
    done = subprocess.run([sys.executable, "-m", "RbeeLibrary.fakes.ssh.ssh", "--help"], env=robot_env(), capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FAKE_SSH_HOSTS" in done.stdout
