"""Who is told of a fault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from RbeeLibrary.errors import ControlFailed
from RbeeLibrary.protocol.profiles import PROFILES
from RbeeLibrary.session.fault_injector import FaultInjector
from RbeeLibrary.session.pending_faults import PendingFaults
from RbeeLibrary.session.types import Daemon


def injector(pending: PendingFaults, control: Any, *daemons: Daemon) -> FaultInjector:
    """An injector of a run in which these programs are alive, with the recorders of the real ones."""
    running = {one.name: SimpleNamespace(name=one.name, role=one.role, alive=True) for one in daemons}
    running |= {one.recorder: SimpleNamespace(name=one.recorder, role="recorder", alive=True) for one in daemons if one.recorder}
    programs = SimpleNamespace(
        all=lambda: list(daemons), of_role=lambda role: [one for one in daemons if one.role == role], process_or_none=running.get, responsive=running.get
    )
    return FaultInjector(SimpleNamespace(supervisor=SimpleNamespace(control=control)), programs, SimpleNamespace(), pending)


def test_fault_of_a_real_program_is_armed_in_its_recorder():
    orders: list[tuple[str, str]] = []
    queen = Daemon("queen", "queen", "http://127.0.0.1:8080", 8080, 10, profile=PROFILES["queen-rbee"])
    faults = injector(PendingFaults(), lambda process, order: orders.append((process.name, order["op"])), queen)
    faults.inject("queen", "stall")
    faults.clear("queen")
    assert orders == [("queen-recorder", "arm-fault"), ("queen-recorder", "clear-faults")]


def test_fault_waits_for_its_program_although_a_hive_that_is_ending_cannot_be_told():
    def refuse(process, order):
        raise ControlFailed(f"{process.name} has ended")

    pending = PendingFaults()
    fault, spec, is_armed = injector(pending, refuse, Daemon("hive", "hive", "http://127.0.0.1:9200", 9200, 20)).inject("worker-1", "stall")
    assert (fault.name, is_armed) == ("worker-1", False)
    assert pending.of("worker-1") == [str(spec)]


def test_hive_that_does_not_respond_is_told_nothing():
    orders = []
    hives = [Daemon(name, "hive", "http://127.0.0.1:9200", 9200, 20) for name in ("frozen", "hive")]
    faults = injector(PendingFaults(), lambda process, order: orders.append(process.name), *hives)
    faults._programs.responsive = lambda name: None if name == "frozen" else SimpleNamespace(name=name)
    faults.inject("worker-1", "stall")
    assert orders == ["hive"]
