"""The rule that registrations converge: what queens and hives list agrees with the process table, a minute after the last disturbance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..history import History, Record
from .fleet_rules import Finding, FleetRule

MINUTE = 60.0
"""Seconds of the run's clock in which registrations converge (contract 4.2)."""
_SWEPT = 150.0
"""Seconds after which a queen itself has removed a worker that sends no heartbeats any more."""
_DISTURBING = ("held_back", "fault", "signal_sent", "bound", "state", "process_exited", "force_kill", "shutdown_started")
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Observer:
    """A queen or hive at the end of a test.

    Args:
        name: of the program.
        role: queen or hive.
        listed: names of the workers that it lists.
    """

    name: str
    role: str
    listed: frozenset[str]


@dataclass(frozen=True)
class KnownWorker:
    """A worker that was started in this run.

    Args:
        name: of the worker.
        hive: name of its hive; None if it has none.
        alive: whether it runs, and is not frozen.
    """

    name: str
    hive: str | None
    alive: bool


def not_converged(history: History, observers: list[Observer], workers: list[KnownWorker], living: Mapping[str, bool], now: float) -> Iterator[Finding]:
    """Rows for workers that are gone, and workers without a row, where nothing disturbed those concerned for long enough.

    Args:
        history: records of the fleet.
        observers: that answer.
        workers: all of this run.
        living: name of a program -> whether it runs, and is not frozen.
        now: seconds of the run's clock.
    """
    for observer in observers:
        for worker in workers:
            if observer.role == "hive" and worker.hive != observer.name:
                continue
            calm = now - _last_disturbance(history, {observer.name, worker.name, worker.hive or observer.name})
            beats = [record for record in history.of("request_out") if record["name"] == worker.name and str(record.get("path")).endswith("heartbeat")]
            heard = [beat for beat in beats if now - beat["clock"] < MINUTE and _is_answered(history, observer, beat)]
            listed = worker.name in observer.listed
            if listed and not worker.alive and calm > _limit(worker, living, beats):
                yield Finding(FleetRule.REGISTRATION, f"{observer.name} lists {worker.name}, which has been gone for {calm:.0f} s", _ends(history, worker))
            if not listed and worker.alive and heard and calm > MINUTE:
                text = f"{observer.name} does not list {worker.name}, which lives and sends heartbeats, {calm:.0f} s after the last disturbance"
                yield Finding(FleetRule.REGISTRATION, text, (heard[-1],))


def _limit(worker: KnownWorker, living: Mapping[str, bool], beats: list[Record]) -> float:
    """How long a row of a worker that is gone may stay: its hive tells of it, else the queen misses its heartbeats, if there were any."""
    if worker.hive is not None and living.get(worker.hive):
        return MINUTE
    return _SWEPT if beats else float("inf")


def _last_disturbance(history: History, names: set[str]) -> float:
    disturbed = (record for kind in _DISTURBING for record in history.of(kind) if {record["name"], record.get("to"), record.get("worker_id")} & names)
    everywhere = (record for kind in ("partition", "healed") for record in history.of(kind))
    broken = (record for record in history.of("answer_in") if record["name"] in names and (record.get("failure") or record.get("status") in _REFUSED))
    return max((record["clock"] for records in (disturbed, everywhere, broken) for record in records), default=0.0)


def _is_answered(history: History, observer: Observer, beat: Record) -> bool:
    """Whether this observer, and not another one, has answered a heartbeat."""
    port = str(beat.get("target")).rpartition(":")[2]
    is_his = any(str(record.get("port")) == port for record in history.of("bound") if record["name"] == observer.name)
    return is_his and any(answer.get("status") for answer in history.of("answer_in", beat["pid"], n=beat.get("n")))


def _ends(history: History, worker: KnownWorker) -> tuple[Record, ...]:
    ends = [record for record in history.of("process_exited") if record.get("worker_id") == worker.name]
    bound = [record for record in history.of("bound") if record["name"] == worker.name]
    return (*bound[-1:], *ends[-1:])
