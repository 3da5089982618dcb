"""What becomes of a partition if a program does not answer the order, which it may have carried out all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.errors import ControlFailed, UsageError
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
