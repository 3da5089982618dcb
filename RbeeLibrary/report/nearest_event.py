"""The last event before a failure at a program that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .failed_check import FailedCheck, Record
from .history import subject_of
from .wording import ending_of, is_probe, request_line, span


def nearest_event(records: Sequence[Record], check: FailedCheck) -> str | None:
    """The last event before a failure at a program that the check is about, in one sentence; None if there is none.

    Args:
        records: as for `likely_cause`.
        check: that failed.
    """
    requests = {(record["pid"], record.get("n")): record for record in records if record.get("record") == "request_in"}
    names = check.mentioned({subject_of(record) for record in records})
    candidates = [record for record in records if record["ns"] <= check.at and subject_of(record) in names]
    events = [(record, sentence) for record in candidates if (sentence := _event(record, requests)) is not None]
    return f"{events[-1][1]}, {span(check.at - events[-1][0]['ns'])} before the failure" if events else None


def _event(record: Record, requests: dict[tuple[int, Any], Record]) -> str | None:
    kind, name = record.get("record"), record["name"]
    if kind == "state":
        return f"{name} became {record.get('to')}"
    if kind == "process_exited":
        return f"{subject_of(record)} ended with {ending_of(record)}"
    if kind == "fault":
        return f"the injected fault {record.get('kind')} of {name} acted"
    if kind == "signal_sent":
        return f"the test sent {record.get('signal')} to {record.get('to')}"
    if kind == "health_miss":
        return f"{record.get('worker_id')} missed a health check of {name}"
    request = requests.get((record["pid"], record.get("n"))) if kind == "answered" else None
    if request is not None and not is_probe(request):
        return f"{name} answered {request_line(request)} with {record.get('status')}"
    return None
