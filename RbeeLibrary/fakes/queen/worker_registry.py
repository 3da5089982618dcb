"""The worker registry of a queen, in memory and lost on restart (contract 4.3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ...protocol.error_codes import RbeeError

_FINEST = 1e-6
"""Seconds; an age that differs from a limit by less than this counts as equal."""


class Swept(Enum):
    """Action of the sweep on a worker without recent heartbeat; the value is the reason for log and journal."""

    MARKED = "no heartbeat while busy"
    SILENT = "no heartbeat"
    FORGOTTEN = "stale but busy for too long"


@dataclass
class QueenRow:
    """The queen's row of one worker; its fields are in the order of the list."""

    worker_id: str
    node: str
    state: str
    model_ref: str
    url: str
    backend: str
    device: int
    slots_total: int
    slots_available: int
    last_heartbeat_unix: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as the list shows it."""
        return dict(vars(self))


class WorkerRegistry:
    """The rows of all workers. A later write replaces an earlier one, but an id can be created only once.

    Args:
        now: time of the run's clock, for the age of heartbeats.
        wall: date of the run's clock in seconds since 1970.
        heartbeat_timeout: seconds after which a heartbeat is stale.
        stale_busy_timeout: seconds that a stale but busy worker stays listed.
    """

    def __init__(self, now: Callable[[], float], wall: Callable[[], float], heartbeat_timeout: float, stale_busy_timeout: float):
        self._now = now
        self._wall = wall
        self._heartbeat_timeout = heartbeat_timeout
        self._stale_busy_timeout = stale_busy_timeout
        self._lock = threading.Lock()
        self._rows: dict[str, QueenRow] = {}
        self._heard: dict[str, float] = {}
        self._stale_since: dict[str, float] = {}
        self._relays: dict[str, int] = {}
        self._left: set[str] = set()

    def rows(self) -> list[QueenRow]:
        """All rows, in order of registration."""
        with self._lock:
            return list(self._rows.values())

    def row(self, worker_id: str) -> QueenRow:
        """One row; raises WORKER_NOT_FOUND."""
        with self._lock:
            return self._row(worker_id)

    def put(self, row: QueenRow) -> None:
        """Registers or overwrites a worker; keeps the known node if the new row has none."""
        with self._lock:
            known = self._rows.get(row.worker_id)
            if known is not None:
                row.last_heartbeat_unix = known.last_heartbeat_unix
                row.node = row.node or known.node
            self._rows[row.worker_id] = row
            self._left.discard(row.worker_id)
            self._stale_since.pop(row.worker_id, None)

    def create(self, row: QueenRow) -> None:
        """Registers a worker; raises WORKER_ALREADY_REGISTERED if the id is known. Of concurrent calls exactly one succeeds."""
        with self._lock:
            if row.worker_id in self._rows:
                raise RbeeError("WORKER_ALREADY_REGISTERED", f"worker {row.worker_id} is registered already")
            self._rows[row.worker_id] = row
            self._left.discard(row.worker_id)
            self._beat(row)

    def set_state(self, worker_id: str, state: str) -> QueenRow:
        """Changes the state of a row."""
        with self._lock:
            row = self._row(worker_id)
            row.state = state
            self._stale_since.pop(worker_id, None)
            return row

    def heartbeat(self, worker_id: str, state: str | None) -> None:
        """Records a heartbeat, and the state if it has one; a stale worker becomes busy again."""
        with self._lock:
            row = self._row(worker_id)
            self._beat(row)
            if row.state == "stale-but-busy":
                row.state = "busy"
            if state is not None:
                row.state = state

    def drop(self, worker_id: str, *, has_left: bool = False) -> None:
        """Removes a row; raises WORKER_NOT_FOUND.

        Args:
            worker_id: of the worker.
            has_left: whether it has ended gracefully.
        """
        with self._lock:
            self._row(worker_id)
            self._forget(worker_id)
            if has_left:
                self._left.add(worker_id)

    def has_left(self, worker_id: str) -> bool:
        """Whether a worker has ended gracefully and has not come back."""
        with self._lock:
            return worker_id in self._left

    def takes_requests(self, worker_id: str) -> bool:
        """Whether a request may be sent to a worker; true for workers that are not listed."""
        with self._lock:
            row = self._rows.get(worker_id)
            return row is None or row.state not in ("draining", "stale-but-busy")

    def relay_begins(self, worker_id: str) -> None:
        """Counts a relayed request; the worker is busy when these take all its slots."""
        with self._lock:
            self._relays[worker_id] = self._relays.get(worker_id, 0) + 1
            row = self._rows.get(worker_id)
            if row is not None and row.state in ("idle", "busy"):
                self._show_relays(row)

    def relay_ends(self, worker_id: str) -> bool:
        """Counts the end of a relayed request; returns whether this removed a stale worker."""
        with self._lock:
            self._relays[worker_id] = max(0, self._relays.get(worker_id, 0) - 1)
            row = self._rows.get(worker_id)
            if row is not None and row.state == "stale-but-busy" and not self._relays[worker_id]:
                self._forget(worker_id)
                return True
            if row is not None and row.state in ("idle", "busy"):
                self._show_relays(row)
            return False

    def stale(self) -> list[str]:
        """Ids of the workers that the sweep has to mark or remove now."""
        with self._lock:
            return [worker_id for worker_id in self._rows if self._due(worker_id) is not None]

    def sweep(self, worker_id: str) -> Swept | None:
        """Removes a stale worker, or marks a busy one as stale; returns None if a heartbeat has come meanwhile."""
        with self._lock:
            due = self._due(worker_id)
            if due is Swept.MARKED:
                self._rows[worker_id].state = "stale-but-busy"
                self._stale_since[worker_id] = self._now()
            elif due is not None:
                self._forget(worker_id)
            return due

    def _due(self, worker_id: str) -> Swept | None:
        row = self._rows.get(worker_id)
        if row is None:
            return None
        if row.state == "stale-but-busy":
            since = self._stale_since.setdefault(worker_id, self._now())
            return Swept.FORGOTTEN if self._now() - since >= self._stale_busy_timeout - _FINEST else None
        if worker_id not in self._heard or self._now() - self._heard[worker_id] <= self._heartbeat_timeout + _FINEST:
            return None
        return Swept.MARKED if row.state == "busy" else Swept.SILENT

    def _row(self, worker_id: str) -> QueenRow:
        row = self._rows.get(worker_id)
        if row is None:
            raise RbeeError("WORKER_NOT_FOUND", f"the queen has no worker {worker_id[:80]}")
        return row

    def _beat(self, row: QueenRow) -> None:
        row.last_heartbeat_unix = int(self._wall())
        self._heard[row.worker_id] = self._now()
        self._stale_since.pop(row.worker_id, None)

    def _show_relays(self, row: QueenRow) -> None:
        busy = self._relays.get(row.worker_id, 0)
        row.state = "busy" if busy >= row.slots_total else "idle"
        row.slots_available = max(0, row.slots_total - busy)

    def _forget(self, worker_id: str) -> None:
        self._rows.pop(worker_id, None)
        self._heard.pop(worker_id, None)
        self._stale_since.pop(worker_id, None)
