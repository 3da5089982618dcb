"""Load by Locust: as a program of a run, and from several of its workers with one report."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from running import ROOT, await_none_left, robot
from test_programs import ask, program

from RbeeLibrary.errors import UsageError
from RbeeLibrary.load.curve import users_at
from RbeeLibrary.session.inference.locust_load import LoadPlan, LocustLoad
from RbeeLibrary.session.types import Daemon

LOCUSTFILE = str(ROOT / "RbeeLibrary/load/locustfile.py")
LIMIT = 60


def test_load_suite_passes_and_leaves_nothing(tmp_path):
    began = time.time()
    run = robot(tmp_path, "-v", "LOAD:none", str(ROOT / "suites/load.robot"))
    assert {name: test.message for name, test in run.tests().items() if not test.passed} == {}
    assert len(run.tests()) == 4
    assert await_none_left(began) == []
    assert "report of Locust" in (tmp_path / "output.xml").read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_two_workers_of_locust_join_one_report(tmp_path):
    """As the guide says, with loopback for the other machines."""
    port = str(free_port())
    locust = [sys.executable, "-m", "locust", "-f", LOCUSTFILE]
    with program("fake-worker", "--port", "0", "--worker-id", "x", "--slots", "16") as worker:
        host = f"http://127.0.0.1:{worker.ready['port']}"
        load = ["--headless", "--users", "8", "--spawn-rate", "8", "--run-time", "4s", "--stop-timeout", "10", "--expect-workers", "2"]
        rbee = ["--rbee-route", "/v1/inference", "--rbee-rate", "40", "--rbee-summary", str(tmp_path / "all.json"), "--html", str(tmp_path / "all.html")]
        bound = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        processes = [subprocess.Popen([*locust, "--worker", "--master-host", "127.0.0.1", "--master-port", port], cwd=tmp_path) for _ in range(2)]
        try:
            done = subprocess.run([*locust, "--master", *bound, "--host", host, *load, *rbee], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
            assert done.returncode == 0, done.stderr[-2000:]
            assert [process.wait(LIMIT) for process in processes] == [0, 0]
        finally:
            for process in processes:
                process.kill()
        seen = json.loads((tmp_path / "all.json").read_text())
        assert seen["done"] > 40
        assert seen["failures"] == {}
        assert seen["tokens"] == 20 * seen["done"]
        assert json.loads(ask(worker.ready["port"], "GET", "/v1/status")[1])["slots_available"] == 16
    assert "RbeeUser" in (tmp_path / "all.html").read_text()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("steps", [4, 4, 8, 12, 16, 20, 20]), ("spikes", [20, 2, 20, 20, 20, 20, 20])],
)
def test_shapes_over_time(shape, expected):
    moments = [0, 5, 10, 20, 30, 40, 100]
    assert [users_at(moment, shape, 10.0, 20) for moment in moments] == expected


SPIKES = LoadPlan(users=7, rate=20, max_tokens=5, leave_share=0.25, retries=True, shape="spikes", period=10, node="n")
QUEEN = Daemon("queen", "queen", "http://127.0.0.1:1", 1, 1)


def words_of(plan: LoadPlan, folder: Path) -> dict[str, str]:
    """Options of the command line with their values."""
    words = LocustLoad("load", folder).program(plan, QUEEN, None, {"env": {}}).command
    begin = words.index("-f")
    return dict(zip(words[begin::2], words[begin + 1 :: 2], strict=True))


def test_plan_of_a_load_is_in_its_command_line(tmp_path):
    words = words_of(SPIKES, tmp_path)
    expected = {"--rbee-shape": "spikes", "--rbee-period": "10", "--rbee-users": "7", "--rbee-rate": "20", "--rbee-leave-share": "0.25", "--rbee-retries": "1"}
    assert {name: words.get(name) for name in expected} == expected
    assert [Path(file).is_file() for file in words["-f"].split(",")] == [True, True]
    constant = words_of(replace(SPIKES, shape="constant"), tmp_path)
    assert (constant["-f"], constant["--users"], constant["--spawn-rate"]) == (LOCUSTFILE, "7", "7")
    assert "--rbee-shape" not in constant


def test_key_is_in_no_command_line(tmp_path):
    spec = LocustLoad("load", tmp_path).program(SPIKES, QUEEN, "very-secret", {"stdout": "o", "stderr": "e", "env": {}})
    assert "very-secret" not in " ".join(spec.command)
    assert spec.env["RBEE_API_KEY"] == "very-secret"


def test_missing_locust_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    plan = LoadPlan(1, 0, 5, 0, True, "constant", 10, "n")
    with pytest.raises(UsageError, match=r"Start Load needs Locust: pip install 'robotframework-rbeelibrary\[load\]'; Keep Submitting needs nothing more"):
        LocustLoad("load", tmp_path).program(plan, Daemon("queen", "queen", "http://x", 1, 1), None, {"env": {}})
