"""Several workers asked for together are started together."""

import os
import stat
import sys
import threading
import time
from pathlib import Path

import psutil
from test_programs import ask, end, program

SCRIPT = """#!/bin/sh
read go < {folder}/gate
exec {python} -m RbeeLibrary.fakes.worker "$@"
"""

REAL_WORKERS = ("--port", "0", "--worker-args", "real", "--worker-ports", "19100-19199", "--provision", "off")


def test_three_spawns_asked_together_overlap_in_time(tmp_path: Path):
    """Each worker waits at a gate before it serves. All three processes are there before any spawn is answered."""
    binary = tmp_path / "gated-worker"
    binary.write_text(SCRIPT.format(folder=tmp_path, python=sys.executable))
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)  # held open: what one worker leaves unread is there for the next
    with program("fake-hive", "--port", "0", "--worker-ports", "0", "--worker-binary", str(binary)) as hive:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(hive.ready["port"], "POST", "/v1/workers/spawn", "{}"))) for _ in range(3)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while len(psutil.Process(hive.pid).children()) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(psutil.Process(hive.pid).children()) == 3
        assert answers == []
        os.write(gate, b"go\n" * len(threads))
        for thread in threads:
            thread.join(20)
        assert [status for status, _ in answers] == [200, 200, 200], answers
        status, text = ask(hive.ready["port"], "GET", "/v1/workers/list")
        assert text.count('"state":"idle"') == 3, text
        assert '127.0.0.1:0"' not in text
        assert end(hive)[0] == 0
    os.close(gate)


def test_worker_that_does_not_open_its_port_is_given_up(tmp_path: Path):
    binary = tmp_path / "silent-worker"
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    binary.chmod(0o700)
    with program("fake-hive", "--port", "0", "--worker-binary", str(binary), "--spawn-timeout", "200ms") as hive:
        status, text = ask(hive.ready["port"], "POST", "/v1/workers/spawn", "{}")
        assert status == 500
        assert "WORKER_CRASHED" in text
        assert "did not open its port within 200ms" in text
        assert ask(hive.ready["port"], "GET", "/v1/workers/list") == (200, '{"workers":[]}')
        assert psutil.Process(hive.pid).children() == []


def test_worker_with_a_real_programs_argv(tmp_path: Path):
    """`--worker-args real`: no ready line, alive after the settle time."""
    log = tmp_path / "argv"
    binary = tmp_path / "llm-worker-rbee"
    binary.write_text(f'#!/bin/sh\necho "$@" > {log}\nexec sleep 60\n')
    binary.chmod(0o700)
    with program(
        "fake-hive", "--port", "0", "--worker-binary", str(binary), "--worker-args", "real", "--worker-ports", "19100-19199", "--provision", "off"
    ) as hive:
        body = '{"worker_id":"w","model_ref":"hf:a/b","model_path":"/m.gguf","backend":"cpu","device":0}'
        status, text = ask(hive.ready["port"], "POST", "/v1/workers/spawn", body)
        assert status == 200, text
        words = log.read_text().split()
        assert words[:4] == ["--worker-id", "w", "--model", "/m.gguf"]
        assert words[6:] == ["--callback-url", f"http://127.0.0.1:{hive.ready['port']}/v1/workers/ready"]


def test_worker_that_dies_within_the_settle_time_is_reported(tmp_path: Path):
    binary = tmp_path / "llm-worker-rbee"
    binary.write_text("#!/bin/sh\nexit 7\n")
    binary.chmod(0o700)
    with program(
        "fake-hive", "--port", "0", "--worker-binary", str(binary), "--worker-args", "real", "--worker-ports", "19100-19199", "--provision", "off"
    ) as hive:
        status, text = ask(hive.ready["port"], "POST", "/v1/workers/spawn", '{"worker_id":"w"}')
        assert status == 500
        assert '"exit_code":7' in text
