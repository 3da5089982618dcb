"""Partitions whose orders reach not every program, and who is told, among programs that are written down here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.errors import ControlFailed, UsageError
from RbeeLibrary.protocol.profiles import profile_of
from RbeeLibrary.session.network.partitions import Partitions
from RbeeLibrary.session.types import Daemon

DAEMONS = {role: Daemon(role, role, f"http://127.0.0.1:{port}", port, port) for role, port in (("queen", 8080), ("hive", 9200))}


def test_partition_whose_order_gets_no_answer_is_taken_back_everywhere():
    unreachable: dict[str, list[str]] = {}
    notes: list[str] = []

    def control(process: Any, order: dict[str, Any]) -> None:
        unreachable[process.name] = order["addresses"]
        if process.name == "hive" and order["addresses"]:
            raise ControlFailed("no answer within 2 s")

    processes = {name: SimpleNamespace(name=name, alive=True) for name in DAEMONS}
    programs = SimpleNamespace(
        names=lambda: list(DAEMONS), look_at=DAEMONS.get, process_or_none=processes.get, responsive=processes.get, of_role=lambda role: []
    )
    run = SimpleNamespace(note=lambda kind, **_: notes.append(kind), supervisor=SimpleNamespace(control=control))
    with pytest.raises(UsageError, match="^the network of hive cannot be changed: no answer within 2 s$"):
        Partitions(run, programs, SimpleNamespace()).part("hive | queen")
    assert unreachable == {"queen": [], "hive": []}
    assert notes == ["partition", "healed"]


def test_program_that_is_frozen_at_the_end_of_a_test_is_told_when_it_is_resumed():
    told: list[tuple[str, list[str]]] = []
    frozen: set[str] = set()

    def control(name: str, order: dict[str, Any]) -> None:
        told.append((name, order["addresses"]))

    programs = SimpleNamespace(
        names=lambda: list(DAEMONS),
        look_at=DAEMONS.get,
        process_or_none=lambda name: SimpleNamespace(alive=True),
        responsive=lambda name: None if name in frozen else name,
        of_role=lambda role: [],
    )
    run = SimpleNamespace(note=lambda what, **fields: None, supervisor=SimpleNamespace(control=control))
    partitions = Partitions(run, programs, SimpleNamespace(paths=lambda name: []))
    partitions.part("hive | queen")
    assert told == [("queen", ["127.0.0.1:9200"]), ("hive", ["127.0.0.1:8080"])]
    told.clear()
    frozen.add("hive")
    with pytest.raises(UsageError, match="^hive is frozen, so its network cannot be changed: resume it first$"):
        partitions.heal()
    assert [str(one) for one in partitions.end()] == ["hive | queen"]
    assert told == [("queen", [])]
    frozen.clear()
    partitions.follow()
    assert told == [("queen", []), ("hive", [])]


def test_real_worker_that_a_hive_has_started_without_a_recorder_is_told_itself():
    told: list[tuple[str, list[str]]] = []
    worker = Daemon("worker-1", "worker", "http://127.0.0.1:8001", 8001, 31, "hive", profile=profile_of("worker", "llm-worker-rbee"))
    daemons = {"queen": DAEMONS["queen"], "worker-1": worker}
    processes = {name: SimpleNamespace(name=name, alive=True) for name in daemons}
    programs = SimpleNamespace(
        names=lambda: list(daemons), look_at=daemons.get, process_or_none=processes.get, responsive=processes.get, of_role=lambda role: []
    )
    supervisor = SimpleNamespace(control=lambda process, order: told.append((process.name, order["addresses"])))
    Partitions(SimpleNamespace(note=lambda what, **fields: None, supervisor=supervisor), programs, SimpleNamespace()).part("queen | worker-1")
    assert told == [("queen", ["127.0.0.1:8001"]), ("worker-1", ["127.0.0.1:8080"])]
