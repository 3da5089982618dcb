"""A hive that is told to end while it starts a worker leaves no worker behind (contract 16). `RBEE_TRIES` sets the number of tries."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from running import assert_none_left
from test_programs import LIMIT, ask, program

TRIES = int(os.environ.get("RBEE_TRIES", "10"))
SPAWN = json.dumps({"model_ref": "hf:org/repo", "backend": "cpu", "device": 0, "model_path": ""})


def spawn(port: int) -> threading.Thread:
    def request() -> None:
        with contextlib.suppress(OSError, ValueError):
            ask(port, "POST", "/v1/workers/spawn", SPAWN)

    thread = threading.Thread(target=request)
    thread.start()
    return thread


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_hive_ends_the_workers_that_it_is_starting(frozen):
    drawn = random.Random(3)
    for _ in range(TRIES):
        since = time.time()
        with program("fake-hive", "--port", "0", "--provision", "off", "--worker-ports", "0", output=subprocess.DEVNULL) as hive:
            if frozen:
                hive.send_signal(signal.SIGSTOP)
            spawns = [spawn(hive.ready["port"]) for _ in range(2)]
            spawns[0].join(drawn.uniform(0.0, 0.12))
            hive.send_signal(signal.SIGTERM)
            hive.send_signal(signal.SIGCONT)
            assert hive.wait(LIMIT) == 0
            for one in spawns:
                one.join(LIMIT)
            assert_none_left(since)
