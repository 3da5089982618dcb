"""Messages of a hive to its queen (contract 5.3)."""

from __future__ import annotations

import threading
from typing import Any

from ...clock.event import Event
from ...errors import HttpFailure
from ...protocol.program_options import HiveOptions
from ..runtime.program import Job
from ..runtime.service import Service
from .worker_row import WorkerRow


class QueenLine:
    """Sends messages to the queen, each in one attempt; only the shutdown of the hive waits for them.

    The end of a worker is told after the report that it is ready: the queen would list it for ever if the two overtook each other.
    Ends of workers that the queen did not hear of are kept, and told again until it does: otherwise it would list the dead for ever.

    Args:
        hive: the hive.
        options: of the hive, with the URL of the queen.
    """

    def __init__(self, hive: Service, options: HiveOptions):
        self._hive = hive
        self._options = options
        self._lock = threading.Lock()
        self._notices: list[Job] = []
        self._untold: dict[str, dict[str, Any]] = {}

    def relay_ready(self, row: WorkerRow) -> None:
        """Reports a ready worker: as a callback, or as a registration if the queen does not accept the callback; not one that was removed meanwhile."""
        with self._lock:
            if row.is_removed:
                return
            row.being_reported = answered = Event()
        try:
            self._report(row)
        finally:
            answered.set()

    def _report(self, row: WorkerRow) -> None:
        self._untold.pop(row.worker_id, None)
        body = {
            "worker_id": row.worker_id,
            "url": row.url,
            "model_ref": row.model_ref,
            "state": row.state,
            "backend": row.backend,
            "device": row.device,
            "slots_total": row.slots_total,
            "slots_available": row.slots_available,
            "node": self._options.node_name,
        }
        status = self.send("/v2/workers/ready", body, {"X-Rbee-Relay": "hive"})
        if status in (404, 500):
            registration = {key: body[key] for key in ("worker_id", "url", "model_ref", "backend", "device", "slots_total")}
            self.send("/v2/workers/register", {**registration, "node_name": self._options.node_name})

    def relay_heartbeat(self, row: WorkerRow, timestamp: str) -> None:
        """Reports that a worker lives; registers it again if the queen does not know it, for example after a cut or a restart of the queen."""
        if self.send(f"/v1/workers/{row.worker_id}/heartbeat", {"timestamp": timestamp}) == 404:
            self.relay_ready(row)

    def removed(self, row: WorkerRow, reason: str) -> None:
        """Reports the end of a worker, in the background."""
        if self._hive.faults.find("silent-removal") is not None:
            return
        assert row.child is not None
        with self._lock:
            row.is_removed = True
        body = {
            "worker_id": row.worker_id,
            "reason": reason,
            "pid": row.child.pid,
            **row.child.status.as_fields(),
        }
        self._notices = [job for job in self._notices if not job.done.is_set()] + [self._hive.spawn(self._tell_end_of, row, body, name="removed")]

    def _tell_end_of(self, row: WorkerRow, body: dict[str, Any]) -> None:
        if row.being_reported is not None:
            self._hive.clock.wait(row.being_reported, self._hive.clock.now() + self._options.notice_timeout, "ready-report")
        self._tell_end(body)

    def _tell_end(self, body: dict[str, Any]) -> None:
        if self.send("/v2/workers/removed", body) is None and self._options.queen_url:
            self._untold[body["worker_id"]] = body

    def tell_again(self) -> None:
        """Tells the queen of the ends that it did not hear of."""
        for worker_id, body in list(self._untold.items()):
            self._untold.pop(worker_id, None)
            self._tell_end(body)

    def send(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> int | None:
        """Sends a POST request to the queen once; returns the status of its answer, or None without one.

        Args:
            path: of the route.
            body: of the request.
            headers: sent besides the usual ones.
        """
        if not self._options.queen_url:
            return None
        try:
            answer = self._hive.client.call("POST", f"{self._options.queen_url.rstrip('/')}{path}", body, limit=self._options.notice_timeout, headers=headers)
        except HttpFailure as error:
            self._hive.log(f"POST {path} to the queen failed: {error}")
            return None
        if not answer.ok and path != "/v2/workers/removed":  # a worker that reported its own end is already unknown
            self._hive.log(f"queen answered {path} with {answer.status}")
        return answer.status

    def finish(self) -> None:
        """Waits for the reports that are still being sent."""
        for job in self._notices:
            job.join(self._options.notice_timeout + 1)
