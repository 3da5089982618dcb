"""The rule that registrations converge, from records that are written down here."""

from __future__ import annotations

from typing import Any

import pytest

from RbeeLibrary.report.history import History
from RbeeLibrary.report.rules.fleet_rules import Finding
from RbeeLibrary.report.rules.registrations import KnownWorker, Observer, not_converged

PIDS = {"library": 1, "queen": 10, "hive": 20, "worker-1": 31}
NOW = 1000.0


def at(clock: float, name: str, record: str, **fields: object) -> dict:
    return {"ns": int(clock * 1e6), "clock": clock, "name": name, "pid": PIDS[name], "program": f"fake-{name.partition('-')[0]}", "record": record, **fields}


BOUND = [at(1, "queen", "bound", port=8080), at(1, "hive", "bound", port=9200), at(2, "worker-1", "bound", port=8001)]
BEAT = [
    at(990, "worker-1", "request_out", n=1, path="/v1/workers/worker-1/heartbeat", target="127.0.0.1:8080"),
    at(990, "worker-1", "answer_in", n=1, status=200),
]
END = [at(900, "hive", "process_exited", worker_id="worker-1", child=31, signal=9)]
LIVING = {"queen": True, "hive": True, "worker-1": True}


def findings(
    records: list[dict], listed: set[str], alive: bool, hive: str | None = "hive", living: dict[str, bool] = LIVING, now: float = NOW
) -> list[Finding]:
    history = History(sorted([*BOUND, *records], key=lambda one: one["ns"]))
    observers = [Observer("queen", "queen", frozenset(listed))]
    return list(not_converged(history, observers, [KnownWorker("worker-1", hive, alive)], living, now))


def found(*args: Any, **given: Any) -> list[str]:
    return [one.text for one in findings(*args, **given)]


def test_worker_that_is_gone_is_not_listed():
    gone = ["queen lists worker-1, which has been gone for 100 s"]
    assert found(END, {"worker-1"}, alive=False) == gone
    assert found(END, set(), alive=False) == []
    assert found(END, {"worker-1"}, alive=False, now=960.0) == []
    assert found(END, {"worker-1"}, alive=False, now=961.0) != []


def test_finding_about_a_worker_that_is_gone_shows_its_start_and_its_end():
    (finding,) = findings(END, {"worker-1"}, alive=False)
    assert finding.records == (BOUND[-1], *END)


def test_worker_that_lives_is_listed():
    missing = ["queen does not list worker-1, which lives and sends heartbeats, 998 s after the last disturbance"]
    assert found(BEAT, set(), alive=True) == missing
    assert found(BEAT, {"worker-1"}, alive=True) == []
    assert found([], set(), alive=True) == [], "without heartbeats it is not known again"


def test_worker_that_talks_to_another_queen_is_not_missed():
    assert found([{**BEAT[0], "target": "127.0.0.1:9999"}, BEAT[1]], set(), alive=True) == []


@pytest.mark.parametrize(
    "disturbance",
    [
        at(950, "worker-1", "held_back", target="127.0.0.1:8080"),
        at(950, "library", "healed"),
        at(950, "library", "signal_sent", to="queen", to_pid=10, signal="SIGSTOP"),
        at(950, "queen", "bound", port=8080),
        at(950, "worker-1", "fault", kind="lost-heartbeat"),
        at(950, "hive", "answer_in", n=7, failure="Connection refused"),
        at(950, "worker-1", "answer_in", n=7, failure=None, status=401),
        at(950, "worker-1", "state", to="idle"),
    ],
    ids=lambda record: record["record"],
)
def test_a_disturbance_gives_another_minute(disturbance):
    assert found([*BEAT, disturbance], set(), alive=True) == []
    later = [{**record, "clock": 1005.0, "ns": int(1005e6)} for record in BEAT]
    assert found([*later, disturbance], set(), alive=True, now=1011.0) != []


def test_disturbance_of_others_gives_no_time():
    assert found([*BEAT, at(950, "library", "signal_sent", to="worker-2", to_pid=99, signal="SIGKILL")], set(), alive=True) != []


def test_without_a_hive_the_missing_heartbeats_tell():
    """The queen removes the row by itself, after its limit of two minutes and the next sweep."""
    dead = {**LIVING, "hive": False}
    assert found([*BEAT[:1], *END], {"worker-1"}, alive=False, living=dead, now=1049.0) == []
    assert found([*BEAT[:1], *END], {"worker-1"}, alive=False, living=dead, now=1051.0) != []
    assert found(END, {"worker-1"}, alive=False, living=dead, now=5000.0) == [], "a row that never had a heartbeat is left alone"
    assert found([*BEAT[:1], *END], {"worker-1"}, alive=False, hive=None, now=1051.0) != []


def test_hive_is_asked_about_its_own_workers_only():
    history = History([*BOUND, *END])
    other = [Observer("hive-2", "hive", frozenset({"worker-1"}))]
    assert list(not_converged(history, other, [KnownWorker("worker-1", "hive", False)], LIVING, NOW)) == []


def test_heartbeat_to_the_hive_says_nothing_about_the_queen():
    to_the_hive = [at(995, "worker-1", "request_out", n=2, path="/v1/heartbeat", target="127.0.0.1:9200"), at(995, "worker-1", "answer_in", n=2, status=200)]
    assert found(to_the_hive, set(), alive=True) == []
    assert found([*BEAT, *to_the_hive], set(), alive=True) != []


def test_heartbeat_without_an_answer_says_nothing():
    assert found(BEAT[:1], set(), alive=True) == []
