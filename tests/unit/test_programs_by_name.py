"""Programs that hives start by themselves are found by their names."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RbeeLibrary.errors import UsageError
from RbeeLibrary.session.programs.programs import Programs
from RbeeLibrary.session.types import Daemon


def process(name: str, pid: int, port: int, ppid: int = 1) -> SimpleNamespace:
    return SimpleNamespace(name=name, role=name.partition("-")[0], pid=pid, ppid=ppid, port=port, alive=True)


HIVE = process("hive", 20, 9200)


@pytest.fixture
def fleet():
    """Makes the programs of a run with these processes; `news` are those of which it hears as soon as it waits for news."""

    def make(*known: SimpleNamespace, news: tuple[SimpleNamespace, ...] = ()) -> Programs:
        processes = list(known)

        def find(name: str) -> SimpleNamespace | None:
            return next((one for one in reversed(processes) if one.name == name), None)

        supervisor = SimpleNamespace(find=find, processes=lambda: processes, await_change=lambda condition, deadline: processes.extend(news))
        return Programs(SimpleNamespace(supervisor=supervisor))

    return make


def test_worker_is_found_whose_start_is_not_known_yet(fleet):
    worker = fleet(HIVE, news=(process("worker-1", 31, 8001, HIVE.pid),)).find("worker-1")
    assert (worker.role, worker.url, worker.pid, worker.owner) == ("worker", "http://127.0.0.1:8001", 31, "hive")


def test_worker_that_its_hive_has_started_again_on_its_port_keeps_its_address(fleet):
    programs = fleet(HIVE, process("worker-1", 31, 8001, HIVE.pid), process("worker-1", 32, 8001, HIVE.pid))
    programs.add(Daemon("worker-1", "worker", "http://127.0.0.2:8001", 8001, 31, "hive"))
    worker = programs.find("worker-1")
    assert (worker.url, worker.pid) == ("http://127.0.0.2:8001", 32)


def test_worker_of_a_hive_is_at_the_address_of_the_hive(fleet):
    programs = fleet(HIVE, process("worker-1", 31, 8001, HIVE.pid))
    programs.add(Daemon("hive", "hive", "http://127.0.0.2:9200", 9200, HIVE.pid))
    assert programs.find("worker-1").url == "http://127.0.0.2:8001"


def test_nobody_waits_for_a_program_that_no_hive_can_start(fleet):
    with pytest.raises(UsageError, match="there is no 'worker-1', running is queen"):
        fleet(process("queen", 10, 8080), news=(process("worker-1", 31, 8001),)).find("worker-1")
