"""The likely cause of a failure, in one sentence, derived from what the journals say about the programs and requests that the failed check is about."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from ..errors import OWN_ERROR
from .failed_check import FailedCheck, Record, Scene, Suspect
from .history import Exchange, ends_its_program, groups_of, ordered_ends, reports_end, role_of, subject_of
from .wording import LIBRARY, ending_of, is_probe, listed, request_line, span

NO_CAUSE = "no cause found"
_DEADLY = ("SIGKILL", "SIGTERM", "SIGINT")
_STREAMS = ("/v1/inference", "/v2/tasks")
_SLOW = 100_000_000
"""Nanoseconds between two tokens that a person notices."""
_LONGEST = 60
"""Characters of an argument that are shown."""


def likely_cause(records: Sequence[Record], check: FailedCheck) -> str:
    """The likely cause in one sentence, or a sentence that says that it is not in the records.

    It begins with what the check is about, and follows what is causally before it: the programs on the way of a request, those that a program has asked,
    its parent, its children. What is only near in time is no cause, and a program that has ended is no cause of what another one did wrong.

    Args:
        records: journal records of all programs of the test and of the library, in order of time; each has the `name` of its program.
        check: that failed.
    """
    if check.is_own_failure:
        return "a bug of RbeeLibrary, not of the programs: please report it with this message and the trace"
    ordered = ordered_ends([record for record in records if record["ns"] <= check.at])
    scene = Scene([record for record in records if record["ns"] <= check.at or reports_end(record, ordered)], check)
    for group in scene.suspects():
        if check.has_findings and (chain := _chain(scene, group)):
            return chain
        for rule in _RULES:
            for suspect in _latest_first(scene, group) if rule is _fault else group:
                if (not suspect.is_needed or rule in _RULES_OF_NEEDED) and (sentence := rule(scene, suspect)):
                    return sentence
    return _trouble(scene) or _nothing(scene)


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
    began = death["ns"] if death["ns"] <= at else ordered_ends(scene.records)[name]
    by_test = death["record"] == "signal_sent"
    how, why = ("SIGKILL", " by the test") if by_test else (ending_of(death), _reason(scene, name, death["ns"]))
    verb = f"was killed by {how}{why}" if death.get("signal") else f"ended with {how}{why}"
    removed = next((one for one in scene.of("worker_removed") if one.get("worker_id") == name and one["ns"] >= began), None)
    then = f"; {removed['name']} removed it {span(removed['ns'] - began)} later" if removed is not None else ""
    last_words = f": {scene.check.said[name]}" if scene.check.said.get(name) else ""
    return f"{name} {verb}, {span(at - began)} before the failure{then}{last_words}"


def _last_start(scene: Scene, name: str) -> int:
    """When a program began to serve for the last time: what ended it before that has nothing to do with the one that was started again."""
    return max((record["ns"] for record in scene.of("bound") if record["name"] == name), default=0)


def _reason(scene: Scene, name: str, at: int) -> str:
    hit = next((one for one in reversed(scene.of("fault")) if one["name"] == name and one["ns"] <= at), None)
    if hit is not None:
        return f" because of the injected fault {hit.get('kind')}"
    lost = next((one for one in scene.of("journal_lost") if one["name"] == name), None)
    if lost is not None:
        return f" because its journal could not be written ({lost.get('reason')})"
    if any(one.get("to") == name and one.get("signal") in _DEADLY for one in scene.of("signal_sent")):
        return " by the test"
    forced = next((one for one in reversed(scene.of("force_kill")) if one.get("worker_id") == name), None)
    if forced is not None:
        signals = [one.get("signal") for one in scene.of("signal_sent") if one.get("to") == name and one["ns"] <= at]
        frozen = " after the test had frozen it" if signals[-1:] == ["SIGSTOP"] else ""
        return f" by {forced['name']} ({forced.get('reason')}){frozen}"
    number = next((one.get("signal") for one in reversed(scene.of("process_exited")) if subject_of(one) == name and one["ns"] <= at), None)
    return ", which no keyword and no program of this run sent" if number and signal.Signals(number).name in _DEADLY else ""


def _frozen(scene: Scene, suspect: Suspect) -> str | None:
    since = 0
    for record in scene.of("signal_sent"):
        if record.get("to") == suspect.name:
            since = record["ns"] if record.get("signal") == "SIGSTOP" else 0 if record.get("signal") in ("SIGCONT", "SIGKILL") else since
    if since:
        return f"{suspect.name} was frozen by the test {span(scene.check.at - since)} before the failure, and still is"
    if suspect.name in scene.check.stopped:
        return f"{suspect.name} is stopped by a signal that was not sent through this library"
    return None


def _parted(scene: Scene, suspect: Suspect) -> str | None:
    """A partition that is a cause at first sight: it lasts, or it was in the way of the request."""
    found = _held_back(scene, suspect)
    return found[0] if found is not None and (suspect.hop is not None or found[1]) else None


def _was_parted(scene: Scene, suspect: Suspect) -> str | None:
    found = _held_back(scene, suspect)
    return found[0] if found is not None else None


def _held_back(scene: Scene, suspect: Suspect) -> tuple[str, bool] | None:
    """Says that a connection to a program of another group was held back, and whether it still was when the check failed."""
    meant = [one for one in scene.of("held_back") if suspect.name in (one["name"], scene.program_at(str(one.get("target"))))]
    held = [one for one in meant if suspect.since <= one["ns"] <= suspect.until]
    parted = [one for one in scene.of("partition") if held and one["ns"] <= held[-1]["ns"]]
    if not parted:
        return None
    who, whom = held[-1]["name"], scene.program_at(str(held[-1].get("target"))) or held[-1].get("target")
    named = [one for one in parted if {who, whom} & {name for group in one.get("groups") or [] for name in group}]
    last = (named or parted)[-1]
    since = span(scene.check.at - last["ns"])
    healed = any(one["ns"] > held[-1]["ns"] for one in scene.of("healed"))
    verb, then = ("could not", ", and healed it since") if healed else ("cannot", "")
    return f"{who} {verb} reach {whom}: the test parted {groups_of(last)}, {since} before the failure{then}", not healed


def _chain(scene: Scene, group: Sequence[Suspect]) -> str:
    """The injected faults of programs on the way, in order of time, and what the test ended there: each may have its part in a broken rule."""
    found = {}
    for suspect in group:
        if (hits := _hits(scene, suspect)) and not ends_its_program(hits[-1]):
            found[hits[-1]["ns"]] = str(_fault(scene, suspect))
    if found:
        ends = ordered_ends(scene.records)
        found.update({ends[one.name]: death for one in group if one.name in ends and (death := _death(scene, one))})
    return "; then ".join(found[at] for at in sorted(found))


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
    paths = list(dict.fromkeys(str(hit["path"]) for hit in hits if hit.get("path") and hit.get("fault") == last.get("fault")))
    where = f" on {listed(paths)}" if paths else ""
    return f"the injected fault {last.get('kind')} of {suspect.name} acted{where} {span(scene.check.at - last['ns'])} before the failure{_often(scene, last)}"


def _often(scene: Scene, hit: Record) -> str:
    times = sum(1 for one in scene.of("fault") if one["name"] == hit["name"] and one.get("fault") == hit.get("fault") and one["ns"] <= hit["ns"])
    return f", {times} times so far" if times > 1 else ""


def _download(scene: Scene, suspect: Suspect) -> str | None:
    failed = [record for record in scene.of("download_failed") if suspect.covers(record)]
    if not failed:
        return None
    asked = {scene.program_at(str(one.get("target"))) for one in scene.of("request_out")}
    hubs = [hit for hit in scene.of("fault") if hit["name"] in asked]
    by = f" (the injected fault {hubs[-1].get('kind')} of {hubs[-1]['name']} acted{_often(scene, hubs[-1])})" if hubs else ""
    tries = f"{len(failed)} attempts" if len(failed) > 1 else "an attempt"
    return f"{tries} of {suspect.name} to download {failed[-1].get('model_ref')} failed: {failed[-1].get('reason')}{by}"


def _own_error(scene: Scene, suspect: Suspect) -> str | None:
    errors = [record for record in scene.of("off_contract", "own_error") if suspect.covers(record) and OWN_ERROR in str(record.get("problem"))]
    return f"{suspect.name}: {errors[-1]['problem']}, {span(scene.check.at - errors[-1]['ns'])} before the failure" if errors else None


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
            ago = span(scene.check.at - exchange.answered["ns"])
            answered = f"{suspect.name} answered {request_line(exchange.arrival)} with {exchange.status}{said}, {ago} before the failure"
            return f"{answered}{_held_by(scene, exchange)}{_ssh(scene, suspect)}"
    return None


def _held_by(scene: Scene, refused: Exchange) -> str:
    """The inferences that a worker was answering when it refused another one."""
    at = refused.answered["ns"]
    others = [one for one in scene.history.inferences() if one.pid == refused.pid and one.status == 200 and one.answered["ns"] <= at]
    running = [str(one.request_id) for one in others if one.end is None or one.end["ns"] > at]
    return f"; it was answering {listed(running)} then" if running and refused.arrival["path"] == "/v1/inference" else ""


def _ssh(scene: Scene, suspect: Suspect) -> str:
    """What became of ssh, if it failed while the request was answered, and whether the test had chosen that."""
    failed = [one for one in scene.of("ssh") if suspect.hop is not None and suspect.covers(one) and one.get("exit_code")]
    if not failed:
        return ""
    words = [str(word) for word in failed[-1].get("argv") or []]
    nodes = [node for node in scene.of("node") if any(word.rpartition("@")[2] == str(node.get("host")) for word in words)]
    chosen = f", as the test chose for node {nodes[-1].get('node')} (ssh={nodes[-1].get('ssh')})" if nodes and nodes[-1].get("ssh") != "ok" else ""
    return f"; ssh ended with exit code {failed[-1]['exit_code']}{chosen}"


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
    because = _because(scene, whom) or f", {span(scene.check.at - answer['ns'])} before the failure"
    often = f"{tries} requests" if tries > 1 else "a request"
    what = f"{often} of {suspect.name}, {request_line(request)},"
    if answer["failure"] == "Connection refused":
        return f"{what} {'were' if tries > 1 else 'was'} refused by {whom} at {request['target']}{because}"
    return f"{what} got no answer from {whom} at {request['target']}: {answer['failure']}{_on_the_clock(request, answer)}{because}"


def _lasted(step: Record, at: int) -> bool:
    began: int = step["began_ns"] if "began_ns" in step else step["ns"]
    return began <= at <= int(step["ns"])


def _because(scene: Scene, name: str, until: int | None = None) -> str:
    """What keeps a program from answering, up to a moment; an empty text if nothing does."""
    asked = Suspect(name, 0, scene.check.at if until is None else until)
    found = _death(scene, asked) or _frozen(scene, asked) or _was_parted(scene, asked) or _fault(scene, asked)
    return f"; {found}" if found else ""


def _on_the_clock(before: Record, after: Record) -> str:
    """Says that time was the run's clock's, if that went faster between two records."""
    real = after["ns"] - before["ns"]
    virtual = (after.get("clock", 0) - before.get("clock", 0)) * 1e9
    return f" of the run's clock, {span(real)} of real time" if virtual > 2 * real + _SLOW else ""


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
        missing = "has sent no token yet" if suspect.hop.arrival["path"] in _STREAMS and suspect.hop.arrival["method"] == "POST" else "is not done"
        return f"{suspect.name} has begun to answer {request_line(suspect.hop.arrival)}, but {missing}"
    gap = (tokens[-1] - tokens[0]) // max(1, len(tokens) - 1)
    silent = scene.check.at - tokens[-1]
    if max(gap, silent) < _SLOW:
        return None
    sent = f"it has sent {len(tokens)} tokens" + (f", one every {span(gap)}" if len(tokens) > 1 else "")
    return f"{suspect.name} is still answering {request_line(suspect.hop.arrival)}: {sent}, the last one {span(silent)} before the failure"


def _removed(scene: Scene, suspect: Suspect) -> str | None:
    removals = [record for record in scene.of("worker_removed") if suspect.name in (record["name"], record.get("worker_id")) and record["ns"] >= suspect.since]
    if not removals:
        return None
    last = removals[-1]
    because = _because(scene, str(last.get("worker_id")), last["ns"]).removeprefix("; ")
    moved = next((f", while the test moved the clock by {step.get('by'):g} s" for step in scene.of("clock_step") if _lasted(step, last["ns"])), "")
    removed = f"{last['name']} removed {last.get('worker_id')} ({last.get('reason')}){moved}, {span(scene.check.at - last['ns'])} before the failure"
    return f"{because}; then {removed}" if because else removed


def _terminated(scene: Scene, suspect: Suspect) -> str | None:
    since = _last_start(scene, suspect.name)
    sent = [one for one in scene.of("signal_sent") if one.get("to") == suspect.name and one.get("signal") in _DEADLY and one["ns"] >= since]
    if suspect.hop is not None or not sent:
        return None
    return f"{suspect.name} got {sent[-1]['signal']} from the test, {span(scene.check.at - sent[-1]['ns'])} before the failure"


def _cancelled(scene: Scene, suspect: Suspect) -> str | None:
    cancels = [record for record in scene.of("cancelled", "client_gone") if suspect.hop is not None and suspect.covers(record)]
    if not cancels:
        return None
    how = "its client left" if cancels[-1]["record"] == "client_gone" else f"it was cancelled{_canceller(scene, suspect)}"
    return f"{suspect.name} stopped answering the request because {how}, {span(scene.check.at - cancels[-1]['ns'])} before the failure"


def _canceller(scene: Scene, suspect: Suspect) -> str:
    path = f"/v1/inference/{suspect.hop.request_id}" if suspect.hop is not None else ""
    asked = [one for one in scene.history.exchanges if one.arrival["name"] == suspect.name and (one.arrival["method"], one.arrival["path"]) == ("DELETE", path)]
    if not asked:
        return ""
    caller = str(asked[-1].arrival.get("caller"))
    return f" by a DELETE of {'the test' if caller.startswith(LIBRARY) else scene.history.sender(asked[-1])[1]}"


_Rule = Callable[[Scene, Suspect], str | None]
_RULES: tuple[_Rule, ...] = (
    *(_death, _frozen, _parted, _download, _fault, _unanswered, _refusal, _own_error, _unreachable),
    *(_callback, _missed, _terminated, _removed, _cancelled, _slow, _was_parted),
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
        is_bad = (record.get("signal") or record.get("exit_code")) and name not in meant and record.get("child") not in undone
        if is_bad and (death := _death(scene, Suspect(name, 0, scene.check.at))):  # none if the program was started again since
            return death
    if errors := scene.of("own_error"):
        return _own_error(scene, Suspect(str(errors[-1]["name"]), 0, scene.check.at))
    if failed := scene.of("callback_failed"):
        return _callback_line(failed[-1])
    downloads = scene.of("download_failed")
    return _download(scene, Suspect(str(downloads[-1]["name"]), 0, scene.check.at)) if downloads else None


def _nothing(scene: Scene) -> str:
    names = [*scene.check.mentioned(scene.requests), *scene.mentioned()]
    if not names:
        keyword = scene.check.keyword
        where = (
            f"{keyword.line}: {'    '.join([keyword.name, *(argument[:_LONGEST] for argument in keyword.arguments)])}"
            if keyword.line
            else "the line of the test that failed"
        )
        return f"{NO_CAUSE}: the message names no program and no request; look at {where}"
    workers = {record["name"] for record in scene.of("bound") if role_of(record) == "worker"}
    idle = [name for name in names if name in workers and not any(one.arrival["name"] == name for one in scene.history.inferences())]
    asked = f"; {listed(idle)} received no inference" if idle else ""
    return f"{NO_CAUSE}: nothing in the evidence is wrong with {listed(names)}{asked}"
