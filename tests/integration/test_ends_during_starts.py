"""A hive that is told to end while it starts workers leaves none behind (contract 16). `RBEE_TRIES` sets the number of random tries."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from running import robot_env
from test_programs import LIMIT, ask, program

SPAWNS = 6
TRIES = int(os.environ.get("RBEE_TRIES", "4"))
SPAWN = json.dumps({"model_ref": "hf:org/repo", "backend": "cpu", "device": 0, "model_path": ""})
SLOW = """
import time
from RbeeLibrary.fakes.hive import workers
from RbeeLibrary.fakes.hive.hive import main

start = workers.start_executed

def slowly(program):
    child = start(program)
    time.sleep(1)
    return child

workers.start_executed = slowly
main()
"""


def spawn(port: int) -> threading.Thread:
    def request() -> None:
        with contextlib.suppress(OSError, ValueError):
            ask(port, "POST", "/v1/workers/spawn", SPAWN)

    thread = threading.Thread(target=request)
    thread.start()
    return thread


def assert_no_worker_of(port: int) -> None:
    """Workers are told by the hive's address on their command line. Those that are left are ended here."""
    left = [one for one in psutil.process_iter(["cmdline"]) if f"http://127.0.0.1:{port}/v1/workers/ready" in (one.info["cmdline"] or [])]
    for one in left:
        one.kill()
    assert left == []


def test_hive_ends_the_worker_whose_start_it_does_not_know_yet():
    """The process exists for a second before the hive learns of it, and the hive is told to end meanwhile."""
    read, write = os.pipe()
    words = [sys.executable, "-c", SLOW, "--port", "0", "--provision", "off", "--worker-ports", "0"]
    env = {**robot_env(), "RBEE_READY_FD": str(write)}
    hive = subprocess.Popen(words, env=env, pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            port = json.loads(ready.readline())["port"]
        request = spawn(port)
        deadline = time.monotonic() + LIMIT
        while not psutil.Process(hive.pid).children() and time.monotonic() < deadline:
            psutil.cpu_percent(0.01)
        hive.send_signal(signal.SIGTERM)
        assert hive.wait(LIMIT) == 0
        request.join(LIMIT)
    finally:
        hive.kill()
        hive.wait()
    assert_no_worker_of(port)


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_hive_ends_the_workers_that_it_is_starting(frozen):
    drawn = random.Random(3)
    for _ in range(TRIES):
        with program("fake-hive", "--port", "0", "--provision", "off", "--worker-ports", "0", output=subprocess.DEVNULL) as hive:
            if frozen:
                hive.send_signal(signal.SIGSTOP)
            spawns = [spawn(hive.ready["port"]) for _ in range(SPAWNS)]
            spawns[0].join(drawn.uniform(0.0, 0.12))
            hive.send_signal(signal.SIGTERM)
            hive.send_signal(signal.SIGCONT)
            assert hive.wait(LIMIT) == 0
            for one in spawns:
                one.join(LIMIT)
            assert_no_worker_of(hive.ready["port"])
