"""The process that a hive's spawner forks ahead: it becomes the hive's next worker."""

from __future__ import annotations

import signal
import sys
import time

import pytest
from running import await_none_left

from RbeeLibrary import Rbee
from RbeeLibrary.fleet import kernel
from RbeeLibrary.session.programs.process_table import ProcessTable, command_line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a hive forks nothing ahead")


@pytest.fixture
def rbee(tmp_path):
    with Rbee(tmp_path) as one:
        one.start_queen()
        one.start_hive()
        yield one


def spares_of(pid: int) -> list[int]:
    return [child for child, parent in kernel.parents().items() if parent == pid and command_line(child).startswith("fake-hive-spawner-spare")]


def await_spare(pid: int) -> int:
    deadline = time.monotonic() + 20
    while not (found := spares_of(pid)):
        assert time.monotonic() < deadline, f"no spare below {pid}"
    assert len(found) == 1
    return found[0]


def test_spare_becomes_the_next_worker_and_is_replaced(rbee):
    hive = rbee.daemon("hive").pid
    spare = await_spare(hive)
    worker = rbee.start_worker("worker-1")
    assert worker.pid == spare
    assert command_line(spare).startswith("mock-worker --port")
    assert rbee.wait(rbee.submit("hello", to="worker-1", max_tokens=3)) == "done"
    assert await_spare(hive) != spare
    assert rbee.start_worker("worker-2").pid != spare


def test_hive_learns_how_a_worker_that_was_a_spare_has_ended(rbee):
    spare = await_spare(rbee.daemon("hive").pid)
    worker = rbee.start_worker("worker-1")
    assert worker.pid == spare
    rbee.kill("worker-1")
    (ended,) = rbee.wait_for_records("hive", "process_exited", worker_id="worker-1")
    assert ended["signal"] == signal.SIGKILL


def test_killed_spare_makes_no_start_fail(rbee):
    hive = rbee.daemon("hive").pid
    spare = await_spare(hive)
    kernel.kill(spare)
    kernel.await_gone([spare], time.monotonic() + 10)
    worker = rbee.start_worker("worker-1")
    assert worker.pid != spare
    assert kernel.parents()[worker.pid] == hive


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_spare_ends_with_its_hive(rbee, end):
    began = time.time()
    spare = await_spare(rbee.daemon("hive").pid)
    getattr(rbee, end)("hive")
    kernel.await_gone([spare], time.monotonic() + 10)
    assert kernel.start_mark(spare) is None
    rbee.close()
    assert await_none_left(began) == []


def test_spare_is_no_program_of_the_test(rbee):
    hive = rbee.daemon("hive")
    await_spare(hive.pid)
    assert ProcessTable(rbee.session.run).count_below(hive, recursive=True) == 0
    assert [worker.name for worker in rbee.session.programs.of_role("worker")] == []
