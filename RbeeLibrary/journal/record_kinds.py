"""All kinds of journal records (contract 18)."""

from __future__ import annotations

RECORD_KINDS: dict[str, str] = {
    "answer_in": "the answer to a request that was sent, or why there was none",
    "answered": "status of a request that was received, before it is sent",
    "bound": "the program accepts connections on its port",
    "callback_failed": "a ready callback failed",
    "callback_sent": "a ready callback was accepted",
    "cancelled": "an inference was cancelled",
    "catalog_recovered": "a corrupt model catalog was set aside",
    "cause": "another request than it seemed at first caused a request of this program",
    "client_gone": "the client of a stream left",
    "clock_rate": "the rate of the run's clock changed",
    "clock_step": "the run's clock was moved",
    "cut": "a stream was cut when its worker ended",
    "disk_full": "a download filled the disk",
    "download_attempt": "an attempt of a download begins",
    "download_done": "a download is complete",
    "download_failed": "an attempt of a download failed",
    "fault": "a fault has acted",
    "fault_armed": "a fault was armed",
    "force_kill": "a hive sends SIGKILL",
    "graceful_exit": "a worker ended as it was asked to",
    "health_miss": "a health check was missed",
    "health_ok": "a health check was answered",
    "inference_ended": "a slot is free again",
    "inference_started": "a slot was taken",
    "journal_lost": "the journal could not be written any further; this is its last record",
    "model_unloaded": "a worker unloaded its model",
    "off_contract": "a fake noticed that it violated the contract",
    "process_exited": "a child ended",
    "process_started": "a child was started",
    "recorded": "a recorder stands in front of this real program",
    "request_end": "the answer to a request is complete",
    "request_in": "a request was received",
    "request_out": "a request is sent",
    "restart_tried": "a hive starts a hung worker again",
    "shutdown_finished": "a hive has ended its workers",
    "shutdown_progress": "a hive has ended one more worker",
    "shutdown_started": "a hive begins to end its workers",
    "signal": "a signal was received",
    "signal_sent": "the test sent a signal",
    "ssh": "a call of ssh has ended",
    "start_undone": "the library cleaned up after a failed start",
    "state": "the state changed",
    "timer_fired": "a timer fired while the clock was moved",
    "token": "a token is written",
    "worker_crashed": "a worker ended by itself",
    "worker_removed": "a worker was removed from the list of a hive or queen",
    "worker_stale": "a busy worker sent no heartbeat for too long",
    "zombie_http": "something answers on the port of a worker that has ended",
}
"""Kind -> what it says."""
SEEN_FROM_OUTSIDE = frozenset(
    ["answer_in", "answered", "bound", "cause", "client_gone", "fault", "fault_armed", "recorded", "request_end", "request_in", "request_out", "state", "token"]
)
"""Kinds that a recorder writes for a real program."""
