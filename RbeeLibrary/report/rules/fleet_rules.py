"""Rules for the behaviour of a fleet, checked against the journals of all programs (contract 3, 5, 6, 7, 12, 16).

Consequences of signals that the test itself sent are no misbehaviour: the stream of a worker that the test killed needs no end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from ..history import Exchange, History, Record, ends_its_program, role_of

_CALLERS = ("queen", "keeper")
_TOLERANCE = 0.05
_SHOWN = ("method", "path", "status", "request_id", "to", "slots", "ends", "gone", "retry_after", "signal", "exit_code", "worker_id", "kind", "total")
_CALLED = {"ends": "end_markers", "gone": "client_left"}


class FleetRule(Enum):
    """Rules that a fleet must not break."""

    ROUTED_BEFORE_READY = "routed before ready"
    CALLBACK_BEFORE_LISTENING = "callback before listening"
    TOO_MANY_IN_FLIGHT = "too many in flight"
    REQUEST_WHILE_DRAINING = "request while draining"
    STREAM_END = "stream end"
    TRUNCATED_AS_COMPLETE = "truncated as complete"
    CASCADE_ORDER = "cascade order"
    OUTLIVED_ITS_HIVE = "outlived its hive"
    CANCEL_NOT_PASSED_ON = "cancel not passed on"
    RETRIED_TOO_SOON = "retried too soon"
    REGISTRATION = "registration"


NEED_THE_INSIDE = (FleetRule.TOO_MANY_IN_FLIGHT, FleetRule.REQUEST_WHILE_DRAINING)
"""Rules that need what only a fake worker tells: its slots, and that it drains."""
HEALING = (FleetRule.CANCEL_NOT_PASSED_ON, FleetRule.REGISTRATION)
"""Rules that a fleet may seem to break until records under way have been written."""


@dataclass(frozen=True)
class Finding:
    """A broken rule with the records that prove it."""

    rule: FleetRule
    text: str
    records: tuple[Record, ...]

    def shown(self, began: int) -> str:
        """Text of the finding, followed by its records with their times in milliseconds since `began` (monotonic nanoseconds)."""
        lines = [f"{self.rule.value}: {self.text}", *(f"    {_line(record, began)}" for record in sorted(self.records, key=lambda one: int(one["ns"])))]
        return "\n".join(lines)


def misbehaviour(history: History, since: int = 0) -> list[Finding]:
    """Broken rules, in the order of the rules.

    Args:
        history: records of the fleet.
        since: only findings with a record at or after this time, in monotonic nanoseconds.
    """
    return [finding for rule in _RULES for finding in rule(history) if any(record["ns"] >= since for record in finding.records)]


def _routed_before_ready(history: History) -> Iterator[Finding]:
    for exchange in history.inferences():
        role, caller = history.sender(exchange)
        if role not in _CALLERS:
            continue
        states = [record for record in history.of("state", exchange.pid) if record["ns"] <= exchange.arrival["ns"]]
        if states and states[-1]["to"] in ("starting", "loading"):
            name = exchange.arrival["name"]
            yield Finding(
                FleetRule.ROUTED_BEFORE_READY, f"{caller} sent an inference to {name} while it was {states[-1]['to']}", (states[-1], *exchange.records())
            )


def _callback_before_listening(history: History) -> Iterator[Finding]:
    first: dict[int, Record] = {}
    for callback in history.of("request_out", role="worker", method="POST"):
        if str(callback["path"]).endswith("/workers/ready"):
            first.setdefault(callback["pid"], callback)
    for pid, callback in first.items():
        bound = next(iter(history.of("bound", pid)), None)
        if bound is None or callback["ns"] < bound["ns"]:
            records = (callback,) if bound is None else (callback, bound)
            yield Finding(FleetRule.CALLBACK_BEFORE_LISTENING, f"{callback['name']} said that it is ready before its port accepted", records)


def _too_many_in_flight(history: History) -> Iterator[Finding]:
    running: dict[int, list[Record]] = {}
    for record in history.records:
        if record.get("record") == "inference_started":
            requests = running.setdefault(record["pid"], [])
            requests.append(record)
            if len(requests) > record["slots"]:
                yield Finding(FleetRule.TOO_MANY_IN_FLIGHT, f"{record['name']} has {record['slots']} slots and runs {len(requests)} requests", tuple(requests))
        elif record.get("record") == "inference_ended":
            requests = running.get(record["pid"], [])
            requests[:] = [request for request in requests if request["request_id"] != record["request_id"]]


def _request_while_draining(history: History) -> Iterator[Finding]:
    for exchange in history.inferences():
        began = next(iter(history.of("state", exchange.pid, to="draining")), None)
        if began is not None and exchange.status == 200 and exchange.arrival["ns"] > began["ns"]:
            yield Finding(FleetRule.REQUEST_WHILE_DRAINING, f"{began['name']} took a request after its draining began", (began, *exchange.records()))
    for exchange in history.asked("hive", "POST", "/v1/workers/spawn"):
        began = next(iter(history.of("shutdown_started", exchange.pid)), None)
        if began is not None and 200 <= exchange.status < 300 and exchange.arrival["ns"] > began["ns"]:
            yield Finding(FleetRule.REQUEST_WHILE_DRAINING, f"{began['name']} started a worker after its draining began", (began, *exchange.records()))


def _stream_end(history: History) -> Iterator[Finding]:
    for exchange in history.inferences():
        name, request_id = exchange.arrival["name"], exchange.request_id
        if exchange.status != 200:
            continue
        if exchange.end is None:
            death = _own_death(history, exchange.pid)
            if death is not None:
                yield Finding(FleetRule.STREAM_END, f"{name} ended in the middle of the stream of {request_id}", (*exchange.records(), *death))
        elif exchange.end.get("ends", 1) > 1:
            yield Finding(FleetRule.STREAM_END, f"the stream of {request_id} from {name} has {exchange.end['ends']} end markers", exchange.records())
        elif not exchange.end.get("ends", 1) and not exchange.end.get("gone") and not history.of("cut", exchange.pid, request_id=request_id):
            yield Finding(FleetRule.STREAM_END, f"the stream of {request_id} from {name} has no end marker", exchange.records())


def _own_death(history: History, pid: int) -> tuple[Record, ...] | None:
    """Records of the end of a process by a fault or an error of its own, None for every other end."""
    end = history.end(pid)
    if end is None or pid in history.hurt:
        return None
    faults = tuple(record for record in history.of("fault", pid) if ends_its_program(record))
    reported = tuple(history.of("process_exited", child=pid))
    return (*faults, *reported) if faults or end.exit_code > 0 else None


def _truncated_as_complete(history: History) -> Iterator[Finding]:
    for task in history.asked("queen", "POST", "/v2/tasks"):
        if task.status != 200 or task.end is None or not task.end.get("ends"):
            continue
        relayed = [
            one for one in history.inferences() if history.request_of(one) == task.request_id and one.status == 200 and one.arrival["ns"] > task.arrival["ns"]
        ]
        if relayed and _is_truncated(history, relayed[-1]):
            text = f"{task.arrival['name']} passed the truncated stream of {task.request_id} on as complete"
            yield Finding(FleetRule.TRUNCATED_AS_COMPLETE, text, (*relayed[-1].records(), *task.records()))


def _is_truncated(history: History, inference: Exchange) -> bool:
    if inference.end is not None:
        return not inference.end.get("ends", 1)
    return history.end(inference.pid) is not None


def _cascade_order(history: History) -> Iterator[Finding]:
    for order, queen, hive in _shutdown_orders(history):
        end = history.end(queen)
        if end is None or end.exit_code != 0 or hive in history.hurt:
            continue
        finished = next(iter(history.of("shutdown_finished", hive)), None)
        if finished is None or finished["ns"] > end.ns:
            name = next((record["name"] for record in history.of("bound", hive)), f"process {hive}")
            ended = {"ns": end.ns, "name": end.name, "record": "ended", "exit_code": 0}
            yield Finding(
                FleetRule.CASCADE_ORDER, f"{end.name} ended before {name}, which it had told to end", (order, ended, *([finished] if finished else []))
            )


def _shutdown_orders(history: History) -> Iterator[tuple[Record, int, int]]:
    """Shutdown orders from queens to hives: record, PID of the queen, PID of the hive."""
    for order in history.of("request_out", role="queen", method="POST", path="/v1/admin/shutdown"):
        port = str(order.get("target")).rpartition(":")[2]
        bound = [record for record in history.of("bound", role="hive") if str(record.get("port")) == port and record["ns"] < order["ns"]]
        if bound:
            yield order, order["pid"], bound[-1]["pid"]  # the latest: a restarted hive has the same port
    for order in history.of("ssh", role="queen"):
        words = str((order.get("argv") or [""])[-1]).split()
        if words[:2] == ["kill", "-TERM"] and words[-1].isdigit():
            yield order, order["pid"], int(words[-1])


def _outlived_its_hive(history: History) -> Iterator[Finding]:
    for started in history.of("process_started", role="hive"):
        end = history.end(started["pid"])
        if end is None or end.exit_code != 0 or history.of("process_exited", started["pid"], child=started["child"]):
            continue
        finished = history.of("shutdown_finished", started["pid"])
        yield Finding(FleetRule.OUTLIVED_ITS_HIVE, f"{started['worker_id']} was alive when {end.name} had ended gracefully", (started, *finished))


def _cancel_not_passed_on(history: History) -> Iterator[Finding]:
    for exchange in history.exchanges:
        arrival = exchange.arrival
        if role_of(arrival) != "queen" or arrival["method"] != "DELETE" or not str(arrival["path"]).startswith("/v2/tasks/") or exchange.status // 100 != 2:
            continue
        request_id = str(arrival["path"]).rpartition("/")[2]
        for inference in history.inferences():
            if (
                history.request_of(inference) == request_id
                and inference.status == 200
                and inference.arrival["ns"] < arrival["ns"]
                and _goes_on(history, inference, exchange)
            ):
                text = f"{arrival['name']} took the cancellation of {request_id} and did not pass it on to {inference.arrival['name']}"
                yield Finding(FleetRule.CANCEL_NOT_PASSED_ON, text, (*inference.records(), *exchange.records()))


def _goes_on(history: History, inference: Exchange, cancel: Exchange) -> bool:
    request_id, pid = inference.request_id, inference.pid
    is_parted = any(record["ns"] >= cancel.arrival["ns"] for record in history.of("held_back", cancel.pid))
    if is_parted or pid in history.hurt or history.end(pid) is not None or (inference.end is not None and inference.end["ns"] <= cancel.answered["ns"]):
        return False
    deleted = any(one.pid == pid and one.is_for("worker", "DELETE", f"/v1/inference/{request_id}") for one in history.exchanges)
    return not deleted and not history.of("cancelled", pid, request_id=request_id) and not history.of("client_gone", pid, request_id=request_id)


def _retried_too_soon(history: History) -> Iterator[Finding]:
    refused: dict[tuple[int, str], Exchange] = {}
    for exchange in history.inferences():
        role, caller = history.sender(exchange)
        asked = _what_is_asked(history, exchange)
        if not asked or role not in _CALLERS:
            continue
        earlier = refused.pop((exchange.pid, asked), None)
        if earlier is not None:
            waited = exchange.arrival["start"] - earlier.arrival["start"]
            retry_after = earlier.answered["retry_after"]
            if waited < retry_after - _TOLERANCE:
                text = f"{caller} asked {exchange.arrival['name']} again after {waited:.1f} s, it was told {retry_after:g} s"
                yield Finding(FleetRule.RETRIED_TOO_SOON, text, (*earlier.records(), exchange.arrival))
        if exchange.answered.get("retry_after") is not None:
            refused[exchange.pid, asked] = exchange


def _what_is_asked(history: History, exchange: Exchange) -> str | None:
    """What two attempts have in common: the request id, or the request that caused both of them at a real program."""
    if exchange.asked_id:
        return exchange.asked_id
    cause = history.cause(exchange)
    return f"request {cause.arrival['n']} of {cause.pid}" if cause is not None else None


_RULES: tuple[Callable[[History], Iterator[Finding]], ...] = (
    _routed_before_ready,
    _callback_before_listening,
    _too_many_in_flight,
    _request_while_draining,
    _stream_end,
    _truncated_as_complete,
    _cascade_order,
    _outlived_its_hive,
    _cancel_not_passed_on,
    _retried_too_soon,
)


def _line(record: Record, began: int) -> str:
    shown = " ".join(f"{_CALLED.get(name, name)}={record[name]}" for name in _SHOWN if record.get(name) is not None)
    return f"{(record['ns'] - began) / 1e6:.1f} ms  {record['name']}  {record['record']}  {shown}".rstrip()
