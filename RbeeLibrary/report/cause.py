"""The likely cause of a failure, in one sentence, derived from journal records alone."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

LIBRARY = "RbeeLibrary"
"""Name of the caller in requests of the library itself."""
_DEADLY = ("SIGKILL", "SIGTERM", "SIGINT")
_ENDING_FAULTS = ("kill", "exit")


def likely_cause(records: Sequence[dict[str, Any]], failed_at: int, named: str = "") -> str | None:
    """The likely cause in one sentence, or None if no record suggests one.

    Args:
        records: journal records of all programs of the test and of the library, in order of time; each has the `name` of its program.
        failed_at: time of the failure in monotonic nanoseconds.
        named: failure message; causes at programs that it names take precedence.
    """
    ordered = _ordered_ends([record for record in records if record["ns"] <= failed_at])
    before = [record for record in records if record["ns"] <= failed_at or _reports_end(record, ordered)]
    causes = [cause for find in (_death, _frozen, _fault, _refusal, _misses) if (cause := find(before, failed_at, named)) is not None]
    if not causes:
        return None
    about_named = [sentence for subject, sentence in causes if subject and subject in named]
    return about_named[0] if about_named else causes[0][1]


def nearest_event(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> str | None:
    """The last event before a failure at a program that the message names, in one sentence; None if there is none.

    Args:
        records: as for `likely_cause`.
        failed_at: time of the failure in monotonic nanoseconds.
        named: failure message.
    """
    requests = {(record["pid"], record.get("n")): record for record in records if record.get("record") == "request_in"}
    candidates = [record for record in records if record["ns"] <= failed_at and str(record.get("worker_id") or record.get("to") or record["name"]) in named]
    events = [(record, sentence) for record in candidates if (sentence := _event(record, requests)) is not None]
    return f"{events[-1][1]}, {_span(failed_at - events[-1][0]['ns'])} before the failure" if events else None


def _event(record: dict[str, Any], requests: dict[tuple[int, Any], dict[str, Any]]) -> str | None:
    kind, name = record.get("record"), record["name"]
    if kind == "state":
        return f"{name} became {record.get('to')}"
    if kind == "process_exited":
        return f"{_victim(record)} ended with {_ending(record)}"
    if kind == "fault":
        return f"the fault {record.get('kind')} of {name} acted"
    if kind == "signal_sent":
        return f"the test sent {record.get('signal')} to {record.get('to')}"
    if kind == "health_miss":
        return f"{record.get('worker_id')} missed a health check of {name}"
    request = requests.get((record["pid"], record.get("n"))) if kind == "answered" else None
    if request is not None and not is_probe(request):
        return f"{name} answered {request.get('method')} {request.get('path')} with {record.get('status')}"
    return None


def ends_its_program(record: dict[str, Any]) -> bool:
    """Whether the record is the hit of a fault that ends its own program."""
    return record.get("record") == "fault" and str(record.get("kind")).startswith(_ENDING_FAULTS)


def is_probe(request: dict[str, Any]) -> bool:
    """Whether the request is a GET of the library itself, which changes nothing."""
    return request.get("method") == "GET" and str(request.get("caller")).startswith(LIBRARY)


def _ending(record: dict[str, Any]) -> str:
    number = record.get("signal")
    return signal.Signals(number).name if number else f"exit code {record.get('exit_code')}"


def open_ends(records: Sequence[dict[str, Any]]) -> list[str]:
    """Names of programs that are bound to end but whose end is not in the journal yet.

    These are killed programs, and programs that end themselves by a fault or because their journal cannot be written.

    Args:
        records: as for `likely_cause`.
    """
    return [name for name, at in _ordered_ends(records).items() if not _is_reported(records, name, at)]


def _ordered_ends(records: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Program name -> time in nanoseconds of what ends it."""
    ordered = {}
    for record in records:
        if ends_its_program(record) or (record.get("record") == "journal_lost" and str(record.get("program")).startswith("fake-")):
            ordered[str(record["name"])] = record["ns"]
        elif record.get("record") == "signal_sent" and record.get("signal") == "SIGKILL":
            ordered[str(record.get("to"))] = record["ns"]
    return ordered


def _reports_end(record: dict[str, Any], ordered: dict[str, int]) -> bool:
    name = _victim(record)
    return record.get("record") in ("process_exited", "worker_removed") and name in ordered and record["ns"] >= ordered[name]


def _is_reported(records: Sequence[dict[str, Any]], name: str, at: int) -> bool:
    reports = [record for record in records if _reports_end(record, {name: at})]
    ended = next((record for record in reports if record["record"] == "process_exited"), None)
    return ended is not None and ("worker_id" not in ended or any(record["record"] == "worker_removed" for record in reports))


def _death(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> tuple[str, str] | None:
    undone = {pid for record in records if record.get("record") == "start_undone" for pid in record["pids"]}
    exits = [record for record in records if record.get("record") == "process_exited" and record.get("child") not in undone]
    deaths = [record for record in exits if record.get("signal") or record.get("exit_code")]
    deaths += [r for r in records if r.get("record") == "signal_sent" and r.get("signal") == "SIGKILL"]
    if not deaths:
        return None
    death = next((one for one in reversed(deaths) if _victim(one) in named), deaths[-1])
    name = _victim(death)
    at = death["ns"] if death["ns"] <= failed_at else _ordered_ends(records)[name]
    number = death.get("signal")
    if death["record"] == "signal_sent":
        how, by = "SIGKILL", " by the test"
    else:
        how = _ending(death)
        by = _reason(records, name, death["ns"])
    verb = f"was killed by {how}{by}" if number else f"ended with {how}{by}"
    removed = next((r for r in records if r.get("record") == "worker_removed" and r.get("worker_id") == name and r["ns"] >= at), None)
    then = f"; {removed['name']} removed it {_span(removed['ns'] - at)} later" if removed is not None else ""
    return name, f"{name} {verb}, {_span(failed_at - at)} before the failure{then}"


def _victim(record: dict[str, Any]) -> str:
    return str(record.get("worker_id") or record.get("to") or record.get("role") or "a process")


def _reason(records: Sequence[dict[str, Any]], name: str, at: int) -> str:
    hit = next((r for r in reversed(records) if r.get("record") == "fault" and r["name"] == name and r["ns"] <= at), None)
    if hit is not None:
        return f" because of the fault {hit.get('kind')}"
    lost = next((r for r in records if r.get("record") == "journal_lost" and r["name"] == name), None)
    if lost is not None:
        return f" because its journal could not be written ({lost.get('reason')})"
    sent = next((r for r in reversed(records) if r.get("record") == "signal_sent" and r.get("to") == name and r.get("signal") in _DEADLY), None)
    if sent is not None:
        return " by the test"
    forced = next((r for r in reversed(records) if r.get("record") == "force_kill" and r.get("worker_id") == name), None)
    return f" by {forced['name']} ({forced.get('reason')})" if forced is not None else ""


def _frozen(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> tuple[str, str] | None:
    frozen: dict[str, int] = {}
    for record in records:
        if record.get("record") == "signal_sent" and record.get("signal") == "SIGSTOP":
            frozen[str(record.get("to"))] = record["ns"]
        elif record.get("record") == "signal_sent" and record.get("signal") in ("SIGCONT", "SIGKILL"):
            frozen.pop(str(record.get("to")), None)
    if not frozen:
        return None
    subject = next((name for name in frozen if name in named), next(iter(frozen)))
    return subject, f"{subject} is frozen since {_span(failed_at - frozen[subject])} before the failure"


def _fault(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> tuple[str, str] | None:
    hits = [record for record in records if record.get("record") == "fault"]
    if not hits:
        return None
    last = next((hit for hit in reversed(hits) if hit["name"] in named), hits[-1])
    where = f" on {last['path']}" if last.get("path") else ""
    times = sum(1 for hit in hits if hit["name"] == last["name"] and hit.get("fault") == last.get("fault"))
    often = f", {times} times so far" if times > 1 else ""
    return last["name"], f"the fault {last.get('kind')} of {last['name']} acted{where} {_span(failed_at - last['ns'])} before the failure{often}"


def _refusal(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> tuple[str, str] | None:
    requests = {(r["name"], r["pid"], r.get("n")): r for r in records if r.get("record") == "request_in"}
    refused = [r for r in records if r.get("record") == "answered" and (r.get("status") or 0) >= 400]
    if not refused:
        return None
    last = next((one for one in reversed(refused) if one["name"] in named), refused[-1])
    request = requests.get((last["name"], last["pid"], last.get("n")), {})
    line = f"{request.get('method')} {request.get('path')}"
    return last["name"], f"{last['name']} answered {line} with {last.get('status')}, {_span(failed_at - last['ns'])} before the failure"


def _misses(records: Sequence[dict[str, Any]], failed_at: int, named: str) -> tuple[str, str] | None:
    misses = [record for record in records if record.get("record") in ("health_miss", "callback_failed")]
    if not misses:
        return None
    last = misses[-1]
    if last["record"] == "health_miss":
        return str(last.get("worker_id")), f"{last.get('worker_id')} missed {last.get('misses')} health checks of {last['name']}"
    return last["name"], f"a ready callback of {last['name']} to {last.get('target')} failed: {last.get('reason') or last.get('status')}"


def _span(nanoseconds: int) -> str:
    milliseconds = nanoseconds / 1e6
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
