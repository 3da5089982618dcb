"""What recorders are told: which programs of a run real programs reach at the addresses that are fixed in them, and faults."""

from __future__ import annotations

from types import SimpleNamespace

from RbeeLibrary.faults.base import FaultSpec
from RbeeLibrary.protocol.profiles import HIVE_PORT, QUEEN_PORT, profile_of
from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.programs.programs import Programs
from RbeeLibrary.session.real.real_programs import RealPrograms
from RbeeLibrary.session.types import Daemon


def routes(alive: tuple[str, ...]) -> list[tuple[str, dict]]:
    """What is said to which process if these are alive: of a queen, a hive, and a real worker with its recorder."""
    told: list[tuple[str, dict]] = []
    processes = {name: SimpleNamespace(name=name, alive=name in alive) for name in ("queen", "hive", "worker-1", "worker-1-recorder")}
    supervisor = SimpleNamespace(find=processes.get, control=lambda process, order: told.append((process.name, order)))
    run, nothing = SimpleNamespace(supervisor=supervisor, is_running=True), SimpleNamespace()
    programs = Programs(run)
    programs.add(Daemon("queen", "queen", "http://127.0.0.1:7001", 7001, 10))
    programs.add(Daemon("hive", "hive", "http://127.0.0.1:7002", 7002, 20))
    programs.add(Daemon("worker-1", "worker", "http://127.0.0.1:7003", 7003, 31, profile=profile_of("worker", "llm-worker-rbee")))
    RealPrograms(run, programs, nothing, nothing, nothing, nothing).send_routes()
    return told


def test_recorder_of_a_real_program_is_told_where_the_living_ones_are():
    both = {f"*:{HIVE_PORT}": "127.0.0.1:7002", f"*:{QUEEN_PORT}": "127.0.0.1:7001"}
    assert routes(("queen", "hive", "worker-1", "worker-1-recorder")) == [("worker-1-recorder", {"op": "routes", "routes": both})]
    assert routes(("queen", "worker-1", "worker-1-recorder")) == [("worker-1-recorder", {"op": "routes", "routes": {f"*:{QUEEN_PORT}": "127.0.0.1:7001"}})]


def test_nothing_is_told_to_a_recorder_that_has_ended():
    assert routes(("queen", "hive", "worker-1")) == []


def test_recorder_starts_with_the_faults_that_wait_for_its_program():
    faults, launched = PendingFaults(), []
    faults.add("queen", FaultSpec("refuse", times=2))
    faults.add("hive", FaultSpec("refuse"))
    (waiting,) = faults.of("queen")
    starts = SimpleNamespace(files=lambda name: {"env": {}}, launch=lambda spec, role, *_: launched.append((spec.name, role, spec.argv)))
    programs, nothing = SimpleNamespace(process_or_none=lambda name: None), SimpleNamespace()
    RealPrograms(nothing, programs, nothing, faults, starts, nothing)._begin_recorder("queen", "127.0.0.1", 0, 7001, 0.0)
    assert launched == [("queen-recorder", "recorder", ["--port", "{port}", "--to", "127.0.0.1:7001", "--fault", waiting])]
    assert list(faults.copy()) == ["hive"]
