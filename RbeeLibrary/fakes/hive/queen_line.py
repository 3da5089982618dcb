"""What a hive tells its queen (contract 5.3)."""

from __future__ import annotations

from typing import Any

from ...errors import HttpFailure
from ...protocol.program_options import HiveOptions
from ..runtime.program import Job
from ..runtime.service import Service
from .worker_row import WorkerRow


class QueenLine:
    """The hive's line to the queen: one attempt each, and nobody waits for it but the end of the hive.

    Args:
        hive: whose line it is.
        options: with the queen's URL.
    """

    def __init__(self, hive: Service, options: HiveOptions):
        self._hive = hive
        self._options = options
        self._notices: list[Job] = []

    def relay_ready(self, row: WorkerRow) -> None:
        """A worker is ready: as a callback, or, for a queen that does not know it, as a registration."""
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
        status = self.tell("/v2/workers/ready", body, {"X-Rbee-Relay": "hive"})
        if status in (404, 500):
            registration = {key: body[key] for key in ("worker_id", "url", "model_ref", "backend", "device", "slots_total")}
            self.tell("/v2/workers/register", {**registration, "node_name": self._options.node_name})

    def removed(self, row: WorkerRow, reason: str) -> None:
        """A worker is gone; said beside the present work."""
        assert row.child is not None
        body = {
            "worker_id": row.worker_id,
            "reason": reason,
            "pid": row.child.pid,
            **row.child.status.as_fields(),
        }
        self._notices = [job for job in self._notices if not job.done.is_set()] + [self._hive.spawn(self.tell, "/v2/workers/removed", body, name="removed")]

    def tell(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> int | None:
        """One attempt to tell the queen; the status of her answer, None without one."""
        if not self._options.queen_url:
            return None
        try:
            answer = self._hive.client.call("POST", f"{self._options.queen_url.rstrip('/')}{path}", body, limit=self._options.notice_timeout, headers=headers)
        except HttpFailure as error:
            self._hive.log(f"queen was not told {path}: {error}")
            return None
        if not answer.ok and path != "/v2/workers/removed":  # a worker that said good-bye itself is unknown by now
            self._hive.log(f"queen answered {path} with {answer.status}")
        return answer.status

    def finish(self) -> None:
        """Waits until what was to be said has been said."""
        for job in self._notices:
            job.join(self._options.notice_timeout + 1)
