"""The likely cause of a failure, in one sentence, derived from what the journals say about the programs and requests that the failed check is about."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from .failed_check import FailedCheck, Record, Scene, Suspect, subject_of

LIBRARY = "RbeeLibrary"
"""Name of the caller in requests of the library itself."""
_DEADLY = ("SIGKILL", "SIGTERM", "SIGINT")
_ENDING_FAULTS = ("kill", "exit")
_SLOW = 100_000_000
"""Nanoseconds between two tokens that a person notices."""


def likely_cause(records: Sequence[Record], check: FailedCheck) -> str:
    """The likely cause in one sentence, or a sentence that says that it is not in the records.

    It begins with what the check is about, and follows what is causally before it: the programs on the way of a request, those that a program has asked,
    its parent, its children. What is only near in time is no cause.

    Args:
        records: journal records of all programs of the test and of the library, in order of time; each has the `name` of its program.
        check: that failed.
    """
    ordered = _ordered_ends([record for record in records if record["ns"] <= check.at])
    scene = Scene([record for record in records if record["ns"] <= check.at or _reports_end(record, ordered)], check)
    for group in scene.suspects():
        for rule in _RULES:
            for suspect in _latest_first(scene, group) if rule is _fault else group:
                if (not suspect.is_needed or rule in _RULES_OF_NEEDED) and (sentence := rule(scene, suspect)):
                    return sentence
    return _trouble(scene) or _nothing(scene)


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
    return f"{events[-1][1]}, {_span(check.at - events[-1][0]['ns'])} before the failure" if events else None


def _event(record: Record, requests: dict[tuple[int, Any], Record]) -> str | None:
    kind, name = record.get("record"), record["name"]
    if kind == "state":
        return f"{name} became {record.get('to')}"
    if kind == "process_exited":
        return f"{subject_of(record)} ended with {_ending(record)}"
    if kind == "fault":
        return f"the fault {record.get('kind')} of {name} acted"
    if kind == "signal_sent":
        return f"the test sent {record.get('signal')} to {record.get('to')}"
    if kind == "health_miss":
        return f"{record.get('worker_id')} missed a health check of {name}"
    request = requests.get((record["pid"], record.get("n"))) if kind == "answered" else None
    if request is not None and not is_probe(request):
        return f"{name} answered {_line(request)} with {record.get('status')}"
    return None


def ends_its_program(record: Record) -> bool:
    """Whether the record is the hit of a fault that ends its own program."""
    return record.get("record") == "fault" and str(record.get("kind")).startswith(_ENDING_FAULTS)


def is_probe(request: Record) -> bool:
    """Whether the request is a GET of the library itself, which changes nothing."""
    return request.get("method") == "GET" and str(request.get("caller")).startswith(LIBRARY)


def _ending(record: Record) -> str:
    number = record.get("signal")
    return signal.Signals(number).name if number else f"exit code {record.get('exit_code')}"


def open_ends(records: Sequence[Record]) -> list[str]:
    """Names of programs that are bound to end but whose end is not in the journal yet.

    These are killed programs, and programs that end themselves by a fault or because their journal cannot be written.

    Args:
        records: as for `likely_cause`.
    """
    return [name for name, at in _ordered_ends(records).items() if not _is_reported(records, name, at)]


def _ordered_ends(records: Sequence[Record]) -> dict[str, int]:
    """Program name -> time in nanoseconds of what ends it."""
    ordered = {}
    for record in records:
        if ends_its_program(record) or (record.get("record") == "journal_lost" and str(record.get("program")).startswith("fake-")):
            ordered[str(record["name"])] = record["ns"]
        elif record.get("record") == "signal_sent" and record.get("signal") == "SIGKILL":
            ordered[str(record.get("to"))] = record["ns"]
    return ordered


def _reports_end(record: Record, ordered: dict[str, int]) -> bool:
    name = subject_of(record)
    return record.get("record") in ("process_exited", "worker_removed") and name in ordered and record["ns"] >= ordered[name]


def _is_reported(records: Sequence[Record], name: str, at: int) -> bool:
    reports = [record for record in records if _reports_end(record, {name: at})]
    ended = next((record for record in reports if record["record"] == "process_exited"), None)
    return ended is not None and ("worker_id" not in ended or any(record["record"] == "worker_removed" for record in reports))


# --- rules: each says what it knows about one program in its time ---


def _death(scene: Scene, suspect: Suspect) -> str | None:
    undone = {pid for record in scene.of("start_undone") for pid in record["pids"]}
    since = suspect.since if suspect.hop is not None else _last_start(scene, suspect.name)
    deaths = [
        record
        for record in scene.of("process_exited", "signal_sent")
        if subject_of(record) == suspect.name and record["ns"] >= since and record.get("child") not in undone
        if (record.get("signal") == "SIGKILL" if record["record"] == "signal_sent" else record.get("signal") or record.get("exit_code"))
    ]
    if not deaths or (suspect.hop is not None and deaths[0]["ns"] > suspect.until):
        return None
    name, death, at = suspect.name, deaths[-1], scene.check.at
    began = death["ns"] if death["ns"] <= at else _ordered_ends(scene.records)[name]
    by_test = death["record"] == "signal_sent"
    how, why = ("SIGKILL", " by the test") if by_test else (_ending(death), _reason(scene, name, death["ns"]))
    verb = f"was killed by {how}{why}" if death.get("signal") else f"ended with {how}{why}"
    removed = next((one for one in scene.of("worker_removed") if one.get("worker_id") == name and one["ns"] >= began), None)
    then = f"; {removed['name']} removed it {_span(removed['ns'] - began)} later" if removed is not None else ""
    last_words = f": {scene.check.said[name]}" if scene.check.said.get(name) else ""
    return f"{name} {verb}, {_span(at - began)} before the failure{then}{last_words}"


def _last_start(scene: Scene, name: str) -> int:
    """When a program began to serve for the last time: what ended it before that has nothing to do with the one that was started again."""
    return max((record["ns"] for record in scene.of("bound") if record["name"] == name), default=0)


def _reason(scene: Scene, name: str, at: int) -> str:
    hit = next((one for one in reversed(scene.of("fault")) if one["name"] == name and one["ns"] <= at), None)
    if hit is not None:
        return f" because of the fault {hit.get('kind')}"
    lost = next((one for one in scene.of("journal_lost") if one["name"] == name), None)
    if lost is not None:
        return f" because its journal could not be written ({lost.get('reason')})"
    if any(one.get("to") == name and one.get("signal") in _DEADLY for one in scene.of("signal_sent")):
        return " by the test"
    forced = next((one for one in reversed(scene.of("force_kill")) if one.get("worker_id") == name), None)
    return f" by {forced['name']} ({forced.get('reason')})" if forced is not None else ""


def _frozen(scene: Scene, suspect: Suspect) -> str | None:
    since = 0
    for record in scene.of("signal_sent"):
        if record.get("to") == suspect.name:
            since = record["ns"] if record.get("signal") == "SIGSTOP" else 0 if record.get("signal") in ("SIGCONT", "SIGKILL") else since
    if since:
        return f"{suspect.name} was frozen by the test {_span(scene.check.at - since)} before the failure, and still is"
    if suspect.name in scene.check.stopped:
        return f"{suspect.name} is stopped by a signal that nobody of this run sent"
    return None


def _latest_first(scene: Scene, group: Sequence[Suspect]) -> list[Suspect]:
    """Of several faults on the way of a request, the last one decided what its client has seen."""
    return sorted(group, key=lambda suspect: -max((hit["ns"] for hit in _hits(scene, suspect)), default=0))


def _hits(scene: Scene, suspect: Suspect) -> list[Record]:
    return [record for record in scene.of("fault") if suspect.covers(record)]


def _fault(scene: Scene, suspect: Suspect) -> str | None:
    hits = _hits(scene, suspect)
    if not hits:
        return None
    last = hits[-1]
    where = f" on {last['path']}" if last.get("path") else ""
    return f"the fault {last.get('kind')} of {suspect.name} acted{where} {_span(scene.check.at - last['ns'])} before the failure{_often(scene, last)}"


def _often(scene: Scene, hit: Record) -> str:
    times = sum(1 for one in scene.of("fault") if one["name"] == hit["name"] and one.get("fault") == hit.get("fault"))
    return f", {times} times so far" if times > 1 else ""


def _download(scene: Scene, suspect: Suspect) -> str | None:
    failed = [record for record in scene.of("download_failed") if suspect.covers(record)]
    if not failed:
        return None
    asked = {scene.program_at(str(one.get("target"))) for one in scene.of("request_out")}
    hubs = [hit for hit in scene.of("fault") if hit["name"] in asked]
    by = f" (the fault {hubs[-1].get('kind')} of {hubs[-1]['name']} acted{_often(scene, hubs[-1])})" if hubs else ""
    tries = f"{len(failed)} attempts" if len(failed) > 1 else "an attempt"
    return f"{tries} of {suspect.name} to download {failed[-1].get('model_ref')} failed: {failed[-1].get('reason')}{by}"


def _refusal(scene: Scene, suspect: Suspect) -> str | None:
    exchanges = [suspect.hop] if suspect.hop is not None else [one for one in scene.history.exchanges if one.arrival["name"] == suspect.name]
    for exchange in reversed(exchanges):
        by_fake = str(exchange.arrival.get("caller")).startswith("fake-")
        is_own = suspect.hop is not None or not (is_probe(exchange.arrival) or (by_fake and exchange.status < 500))
        if exchange.status >= 400 and is_own:
            end = exchange.end or {}
            code, message = (exchange.answered.get(name) or end.get(name) for name in ("code", "message"))
            said = f" {code}" if code else ""
            said += f" ({message})" if message else ""
            ago = _span(scene.check.at - exchange.answered["ns"])
            return f"{suspect.name} answered {_line(exchange.arrival)} with {exchange.status}{said}, {ago} before the failure"
    return None


def _unanswered(scene: Scene, suspect: Suspect) -> str | None:
    return _no_answer(scene, suspect, known=True)


def _unreachable(scene: Scene, suspect: Suspect) -> str | None:
    return _no_answer(scene, suspect, known=False)


def _no_answer(scene: Scene, suspect: Suspect, *, known: bool) -> str | None:
    """A request that got no answer from a program of this run, or at an address where none is known."""
    sent = {(record["pid"], record["n"]): record for record in scene.of("request_out") if record["name"] == suspect.name}
    sent = {key: record for key, record in sent.items() if bool(scene.program_at(str(record["target"]))) is known}
    if suspect.hop is not None:
        wanted = suspect.hop.arrival.get("correlation_id")
        sent = {key: record for key, record in sent.items() if record.get("correlation_id") == wanted}
    failed = [(sent[key], one) for one in scene.of("answer_in") if one.get("failure") and (key := (one["pid"], one["n"])) in sent]
    if not failed:
        return None
    request, answer = failed[-1]
    tries = sum(1 for other, _ in failed if (other["target"], other["path"]) == (request["target"], request["path"]))
    whom = scene.program_at(str(request["target"])) or "nobody of this run"
    asked = Suspect(whom, 0, scene.check.at)
    end = _death(scene, asked) or _frozen(scene, asked) or _fault(scene, asked)
    because = f"; {end}" if end else f", {_span(scene.check.at - answer['ns'])} before the failure"
    often = f"{tries} requests" if tries > 1 else "a request"
    return f"{often} of {suspect.name}, {_line(request)}, got no answer from {whom} at {request['target']}: {answer['failure']}{because}"


def _callback(scene: Scene, suspect: Suspect) -> str | None:
    failed = [record for record in scene.of("callback_failed") if suspect.covers(record)]
    return _callback_line(failed[-1]) if failed else None


def _callback_line(failed: Record) -> str:
    return f"a ready callback of {failed['name']} to {failed.get('target')} failed: {failed.get('reason') or failed.get('status')}"


def _missed(scene: Scene, suspect: Suspect) -> str | None:
    misses = [record for record in scene.of("health_miss") if suspect.covers(record)]
    return f"{suspect.name} missed {misses[-1].get('misses')} health checks of {misses[-1]['name']}" if misses else None


def _slow(scene: Scene, suspect: Suspect) -> str | None:
    if suspect.hop is None or suspect.hop.end is not None or suspect.hop.status != 200:
        return None
    tokens = [record["ns"] for record in scene.of("token") if record["pid"] == suspect.hop.pid and record.get("request_id") == suspect.hop.request_id]
    if not tokens:
        return f"{suspect.name} has begun to answer {_line(suspect.hop.arrival)}, but has sent no token yet"
    gap = (tokens[-1] - tokens[0]) // max(1, len(tokens) - 1)
    silent = scene.check.at - tokens[-1]
    if max(gap, silent) < _SLOW:
        return None
    sent = f"it has sent {len(tokens)} tokens" + (f", one every {_span(gap)}" if len(tokens) > 1 else "")
    return f"{suspect.name} is still answering {_line(suspect.hop.arrival)}: {sent}, the last one {_span(silent)} before the failure"


def _removed(scene: Scene, suspect: Suspect) -> str | None:
    removals = [record for record in scene.of("worker_removed") if suspect.name in (record["name"], record.get("worker_id")) and record["ns"] >= suspect.since]
    if not removals:
        return None
    last = removals[-1]
    return f"{last['name']} removed {last.get('worker_id')} ({last.get('reason')}), {_span(scene.check.at - last['ns'])} before the failure"


def _terminated(scene: Scene, suspect: Suspect) -> str | None:
    since = _last_start(scene, suspect.name)
    sent = [one for one in scene.of("signal_sent") if one.get("to") == suspect.name and one.get("signal") in _DEADLY and one["ns"] >= since]
    if suspect.hop is not None or not sent:
        return None
    return f"{suspect.name} got {sent[-1]['signal']} from the test, {_span(scene.check.at - sent[-1]['ns'])} before the failure"


def _cancelled(scene: Scene, suspect: Suspect) -> str | None:
    cancels = [record for record in scene.of("cancelled", "client_gone") if suspect.hop is not None and suspect.covers(record)]
    if not cancels:
        return None
    how = "its client left" if cancels[-1]["record"] == "client_gone" else "it was cancelled"
    return f"{suspect.name} stopped answering the request because {how}, {_span(scene.check.at - cancels[-1]['ns'])} before the failure"


_Rule = Callable[[Scene, Suspect], str | None]
_RULES: tuple[_Rule, ...] = (
    *(_death, _frozen, _download, _fault, _unanswered, _refusal, _unreachable),
    *(_callback, _missed, _terminated, _removed, _cancelled, _slow),
)
"""In the order in which they are tried."""
_RULES_OF_NEEDED: tuple[_Rule, ...] = (_death, _frozen, _download, _fault)
"""Those for programs that the check is not about, but on which one of its programs depends."""


def _trouble(scene: Scene) -> str | None:
    """What no test intends, wherever it was: the last thing that is looked for."""
    undone = {pid for record in scene.of("start_undone") for pid in record["pids"]}
    meant = {str(record.get("to")) for record in scene.of("signal_sent")} | {str(record["name"]) for record in scene.of("fault")}
    for record in reversed(scene.of("process_exited")):
        name = subject_of(record)
        if (record.get("signal") or record.get("exit_code")) and name not in meant and record.get("child") not in undone:
            return _death(scene, Suspect(name, 0, scene.check.at))
    if failed := scene.of("callback_failed"):
        return _callback_line(failed[-1])
    downloads = scene.of("download_failed")
    return _download(scene, Suspect(str(downloads[-1]["name"]), 0, scene.check.at)) if downloads else None


def _nothing(scene: Scene) -> str:
    names = scene.check.mentioned([*scene.requests, *scene.names])
    about = f"nothing there is wrong with {' and '.join(names)}" if names else "the message names no program and no request"
    return f"not in the evidence: {about}"


def _line(request: Record) -> str:
    return f"{request.get('method')} {request.get('path')}"


def _span(nanoseconds: int) -> str:
    milliseconds = nanoseconds / 1e6
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
