"""Ready callbacks and heartbeats of a worker to queen and hive (contract 6.4, 15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ...errors import HttpFailure
from ...faults.base import FaultContext
from ...protocol.forms import split_durations
from ...protocol.program_options import WorkerOptions
from ...protocol.schema.fields import as_dict
from ...protocol.schema.messages import ReadyCallback
from ..runtime.formatting import iso_time
from ..runtime.program import Job, exit_now
from ..runtime.retry import attempts
from ..runtime.service import Service

_HEARTBEAT_LIMIT = 2.0
_SKIPPED_CALLBACK = "localhost:9999"


class Callbacks:
    """Sends the ready callbacks and heartbeats of a worker.

    Args:
        worker: the worker that sends them.
        options: of the worker, with the URLs of queen and hive.
        payload: builds the payload of a callback when it is sent.
    """

    def __init__(self, worker: Service, options: WorkerOptions, payload: Callable[[], ReadyCallback]):
        self._worker = worker
        self._options = options
        self._payload = payload
        self._beating = False

    def announce_ready(self) -> list[Job]:
        """Sends the ready callback to queen and hive in parallel; returns the jobs that send it."""
        if self._options.callback_delay:
            self._worker.clock.pause(self._options.callback_delay, "callback-delay")
        return [self._worker.spawn(notify, target, name="callback") for notify, target in self.targets]

    @property
    def targets(self) -> list[tuple[Callable[[str], None], str]]:
        """Who is told that the worker is ready: the method that does it, and the URL."""
        queen, hive = self._options.queen_url, self._options.callback_url
        targets: list[tuple[Callable[[str], None], str]] = []
        if queen:
            targets.append((self._notify_queen, f"{queen.rstrip('/')}/v2/workers/ready"))
        if hive and _SKIPPED_CALLBACK not in hive:
            targets.append((self._notify, hive))
        return targets

    def _notify_queen(self, target: str) -> None:
        self._notify(target)
        if self._options.heartbeat and not self._beating:
            self._beating = True
            self._worker.every(self._options.heartbeat, self._heartbeat, "heartbeat", at_once=True)

    def _notify(self, target: str) -> None:
        if self._worker.faults.find("lost-callback", FaultContext(urlsplit(target).path)) is not None:
            return
        if (late := self._worker.faults.find("late-callback")) is not None:
            self._worker.clock.pause(late.delay if late.delay is not None else 1.0, "late-callback")
        self._send(target)
        if self._worker.faults.find("double-callback") is not None:
            self._send(target)

    def _send(self, target: str) -> None:
        pauses = [0.0, *split_durations(self._options.callback_delays)]
        for attempt in attempts(self._worker.clock, pauses, "callback-retry"):
            try:
                answer = self._worker.client.call("POST", target, as_dict(self._payload()), limit=self._options.callback_timeout, timer="callback-limit")
            except HttpFailure as error:
                failure, final = str(error), False
            else:
                if answer.ok:
                    self._worker.journal.record("callback_sent", target=target, attempt=attempt, status=answer.status)
                    return
                failure, final = f"status {answer.status}", answer.status < 500
            self._worker.journal.record("callback_failed", target=target, attempt=attempt, reason=failure)
            self._worker.log(f"ready callback to {target} failed: {failure}")
            if final:
                break
        if self._options.callback_required:
            self._worker.log(f"ready callback to {target} failed and --callback-required is set")
            exit_now(1)

    def _heartbeat(self) -> None:
        if self._options.queen_url and self._worker.faults.find("lost-heartbeat") is None:
            queen = self._options.queen_url.rstrip("/")
            body = {"timestamp": iso_time(self._worker.clock.wall()), "state": self._worker.state}
            if self.post(f"{queen}/v1/workers/{self._options.worker_id}/heartbeat", body, _HEARTBEAT_LIMIT) == 404:
                self._worker.log("the queen does not know this worker: registering again")
                self.post(f"{queen}/v2/workers/ready", as_dict(self._payload()), self._options.callback_timeout)

    def hive_heartbeat(self) -> None:
        """Sends one heartbeat to the hive."""
        if self._worker.faults.find("lost-heartbeat") is not None:
            return
        target = (self._options.callback_url or "").rpartition("/v1/")[0] + "/v1/heartbeat"
        self.post(
            target, {"worker_id": self._options.worker_id, "timestamp": iso_time(self._worker.clock.wall()), "health_status": "healthy"}, _HEARTBEAT_LIMIT
        )

    def post(self, target: str, body: dict[str, Any], limit: float) -> int | None:
        """Sends one POST request without retries; returns the status of the answer, or None after a failure, which is only logged.

        Args:
            target: URL.
            body: of the request.
            limit: seconds for the answer.
        """
        try:
            return self._worker.client.call("POST", target, body, limit=limit).status
        except HttpFailure as error:
            self._worker.log(f"POST {target} failed: {error}")
            return None
