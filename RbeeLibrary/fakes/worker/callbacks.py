"""What a worker tells queen and hive of its own accord: that it is ready, and that it lives (contract 6.4, 15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import HttpFailure
from ...protocol.options import split_durations
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
    """A worker's line to queen and hive.

    Args:
        worker: whose line it is.
        options: whom to tell.
        said: what is said at a moment.
    """

    def __init__(self, worker: Service, options: WorkerOptions, said: Callable[[], ReadyCallback]):
        self._worker = worker
        self._options = options
        self._said = said
        self._beating = False

    def call_back(self) -> list[Job]:
        """Tells queen and hive that the worker serves, each on its own."""
        if self._options.callback_delay:
            self._worker.clock.pause(self._options.callback_delay, "callback-delay")
        begun = []
        if self._options.queen_url:
            begun.append(self._worker.spawn(self._tell_queen_ready, f"{self._options.queen_url.rstrip('/')}/v2/workers/ready", name="callback"))
        if self._options.callback_url and _SKIPPED_CALLBACK not in self._options.callback_url:
            begun.append(self._worker.spawn(self._tell_ready, self._options.callback_url, name="callback"))
        return begun

    def _tell_queen_ready(self, target: str) -> None:
        self._tell_ready(target)
        if self._options.heartbeat and not self._beating:
            self._beating = True
            self._worker.every(self._options.heartbeat, self._heartbeat, "heartbeat", at_once=True)

    def _tell_ready(self, target: str) -> None:
        if self._worker.faults.find("lost-callback") is not None:
            return
        if (late := self._worker.faults.find("late-callback")) is not None:
            self._worker.clock.pause(late.delay if late.delay is not None else 1.0, "late-callback")
        self._try_to_tell(target)
        if self._worker.faults.find("double-callback") is not None:
            self._try_to_tell(target)

    def _try_to_tell(self, target: str) -> None:
        pauses = [0.0, *split_durations(self._options.callback_delays)]
        for attempt in attempts(self._worker.clock, pauses, "callback-retry"):
            try:
                answer = self._worker.client.call("POST", target, as_dict(self._said()), limit=self._options.callback_timeout, timer="callback-limit")
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
            self.tell_once(
                f"{self._options.queen_url.rstrip('/')}/v1/workers/{self._options.worker_id}/heartbeat",
                {"timestamp": iso_time(self._worker.clock.wall()), "state": self._worker.state},
                _HEARTBEAT_LIMIT,
            )

    def hive_heartbeat(self) -> None:
        """One heartbeat to the hive."""
        if self._worker.faults.find("lost-heartbeat") is not None:
            return
        target = (self._options.callback_url or "").rpartition("/v1/")[0] + "/v1/heartbeat"
        self.tell_once(
            target, {"worker_id": self._options.worker_id, "timestamp": iso_time(self._worker.clock.wall()), "health_status": "healthy"}, _HEARTBEAT_LIMIT
        )

    def tell_once(self, target: str, body: dict[str, Any], limit: float) -> None:
        """One attempt; a failure is only logged."""
        try:
            self._worker.client.call("POST", target, body, limit=limit)
        except HttpFailure as error:
            self._worker.log(f"POST {target} failed: {error}")
