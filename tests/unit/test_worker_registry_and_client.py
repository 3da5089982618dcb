"""The queen's registry and the rules of the client, without a socket."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from RbeeLibrary.fakes.queen.worker_registry import QueenRow, Swept, WorkerRegistry
from RbeeLibrary.fakes.rbee_client import Wanted, best_row, checked_object
from RbeeLibrary.net.http_client import Answer
from RbeeLibrary.protocol.error_codes import RbeeError


class Now:
    """A clock that the test moves."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def registry(now):
    return WorkerRegistry(now, now, heartbeat_timeout=120, stale_busy_timeout=300)


def row(worker_id="w", state="idle", slots=1):
    return QueenRow(worker_id, "ws", state, "m", "http://127.0.0.1:1", "cpu", 0, slots, slots)


def test_worker_that_registers_again_keeps_its_node_and_its_last_heartbeat(registry, now):
    registry.put(row())
    now.seconds = 100
    registry.heartbeat("w", None)
    registry.put(replace(row(), node="", state="busy"))
    known = registry.row("w")
    assert (known.node, known.state, known.last_heartbeat_unix) == ("ws", "busy", 100)


def swept(registry):
    """One sweep: what it does with whom."""
    return [(worker_id, registry.sweep(worker_id)) for worker_id in registry.stale()]


def busy_and_stale(registry, now):
    registry.put(row(state="busy"))
    registry.heartbeat("w", None)
    now.seconds = 121
    assert swept(registry) == [("w", Swept.MARKED)]
    assert registry.row("w").state == "stale-but-busy"


def test_worker_that_never_sent_a_heartbeat_is_left_alone(registry, now):
    registry.put(row())
    now.seconds = 10_000
    assert swept(registry) == []


def test_worker_whose_heartbeat_is_older_than_120_seconds_is_removed(registry, now):
    registry.put(row())
    registry.heartbeat("w", None)
    now.seconds = 120
    assert swept(registry) == []
    now.seconds = 120.1
    assert swept(registry) == [("w", Swept.SILENT)]
    assert registry.rows() == []


def test_busy_worker_becomes_stale_first_and_is_removed_after_300_seconds(registry, now):
    busy_and_stale(registry, now)
    now.seconds = 420
    assert swept(registry) == []
    now.seconds = 421
    assert swept(registry) == [("w", Swept.FORGOTTEN)]
    assert registry.rows() == []


def test_worker_heard_of_during_the_sweep_stays(registry, now):
    registry.put(row())
    registry.heartbeat("w", None)
    now.seconds = 121
    (worker_id,) = registry.stale()
    registry.heartbeat("w", None)
    assert registry.sweep(worker_id) is None
    assert registry.row("w").state == "idle"


def test_heartbeat_makes_a_stale_worker_normal_again(registry, now):
    busy_and_stale(registry, now)
    registry.heartbeat("w", None)
    assert registry.row("w").state == "busy"
    now.seconds = 240
    assert swept(registry) == []


@pytest.mark.parametrize("renew", [lambda it: it.heartbeat("w", None), lambda it: it.put(row(state="busy")), lambda it: it.set_state("w", "busy")])
def test_stale_worker_that_was_normal_meanwhile_has_300_seconds_again(registry, now, renew):
    busy_and_stale(registry, now)
    renew(registry)
    now.seconds = 300
    assert swept(registry) == [("w", Swept.MARKED)]
    now.seconds = 599
    assert swept(registry) == []
    now.seconds = 600
    assert swept(registry) == [("w", Swept.FORGOTTEN)]


@pytest.mark.parametrize("renew", [lambda it: it.put(row(state="stale-but-busy")), lambda it: it.set_state("w", "stale-but-busy")])
def test_worker_that_is_reported_as_stale_has_300_seconds_from_then_on(registry, now, renew):
    busy_and_stale(registry, now)
    now.seconds = 240
    renew(registry)
    assert swept(registry) == []
    now.seconds = 539
    assert swept(registry) == []
    now.seconds = 540
    assert swept(registry) == [("w", Swept.FORGOTTEN)]


def test_stale_worker_is_removed_when_its_request_ends(registry, now):
    registry.put(row())
    registry.heartbeat("w", None)
    registry.relay_begins("w")
    now.seconds = 121
    swept(registry)
    assert registry.row("w").state == "stale-but-busy"
    assert registry.relay_ends("w")
    assert registry.rows() == []


@pytest.mark.parametrize("state", ["draining", "stale-but-busy"])
def test_worker_that_drains_or_is_stale_takes_no_requests(registry, state):
    registry.put(row())
    assert registry.takes_requests("w")
    registry.set_state("w", state)
    assert not registry.takes_requests("w")
    assert registry.takes_requests("nobody")


def test_relays_make_a_worker_busy_when_its_slots_are_taken(registry):
    registry.put(row(slots=2))
    registry.relay_begins("w")
    assert (registry.row("w").state, registry.row("w").slots_available) == ("idle", 1)
    registry.relay_begins("w")
    assert (registry.row("w").state, registry.row("w").slots_available) == ("busy", 0)
    registry.relay_ends("w")
    assert (registry.row("w").state, registry.row("w").slots_available) == ("idle", 1)


def test_draining_worker_is_not_made_idle_by_the_end_of_a_relay(registry):
    registry.put(row())
    registry.relay_begins("w")
    registry.set_state("w", "draining")
    registry.relay_ends("w")
    assert registry.row("w").state == "draining"


def test_one_of_many_creations_wins(registry):
    barrier, won = threading.Barrier(16), []

    def create():
        barrier.wait(10)
        try:
            registry.create(row())
            won.append(True)
        except RbeeError as error:
            assert error.code == "WORKER_ALREADY_REGISTERED"

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert won == [True]


def test_unknown_worker_is_named(registry):
    for call in (registry.row, registry.drop, lambda worker_id: registry.heartbeat(worker_id, None), lambda worker_id: registry.set_state(worker_id, "idle")):
        with pytest.raises(RbeeError, match="nobody") as refused:
            call("nobody")
        assert refused.value.code == "WORKER_NOT_FOUND"


def listed(worker_id, state, model="m", backend="cpu", device=0):
    return {"worker_id": worker_id, "state": state, "model_ref": model, "backend": backend, "device": device}


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([], None),
        ([listed("a", "busy"), listed("b", "loading"), listed("c", "idle")], "c"),
        ([listed("a", "busy"), listed("b", "loading")], "b"),
        ([listed("a", "busy")], "a"),
        ([listed("a", "idle"), listed("b", "idle")], "a"),
        ([listed("a", "draining"), listed("b", "stale-but-busy")], None),
        ([listed("a", "idle", model="other")], None),
        (["nonsense", None, {}], None),
    ],
)
def test_idle_before_loading_before_busy_and_first_in_list_order(rows, chosen):
    found = best_row(rows, Wanted("m"))
    assert (found["worker_id"] if found else None) == chosen


def test_backend_and_device_count_when_they_are_named():
    rows = [listed("a", "idle"), listed("b", "idle", backend="cuda", device=1)]
    assert best_row(rows, Wanted("m", "cuda", 1))["worker_id"] == "b"
    assert best_row(rows, Wanted("m", None, 1))["worker_id"] == "b"
    assert best_row(rows, Wanted("m", "metal")) is None


@pytest.mark.parametrize(
    ("status", "body", "code", "passed_status", "said"),
    [
        (503, b'{"error":{"code":"ALL_SLOTS_BUSY","message":"busy"}}', "ALL_SLOTS_BUSY", 503, "busy"),
        (418, b"I am a teapot", "HIVE_ERROR", 418, "I am a teapot"),
        (404, b"not here", "HIVE_ERROR", 502, "not here"),
        (404, b'{"success":false,"message":"Node x not found"}', "HIVE_ERROR", 502, "Node x not found"),
        (200, b'{"error":"plain"}', "HIVE_ERROR", 502, "200"),
        (200, b'{"workers":', "HIVE_ERROR", 502, "char 11"),
        (200, b"[1]", "HIVE_ERROR", 502, "no object"),
        (500, b"x" * 2000, "HIVE_ERROR", 500, "x" * 500),
    ],
)
def test_bad_answers_become_the_errors_of_the_contract(status, body, code, passed_status, said):
    with pytest.raises(RbeeError) as refused:
        checked_object(Answer(status, {}, body), "GET /v1/workers/list")
    error = refused.value.envelope()["error"]
    assert (error["code"], refused.value.status) == (code, passed_status)
    assert said in error["message"]
    assert "success" not in error["message"]
    assert len(error["message"]) <= 500
