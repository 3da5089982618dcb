"""The journal records of a fleet, put together: requests with their answers, who sent what because of what, and ends of processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
_ENDING_FAULTS = ("kill", "exit")


@dataclass(frozen=True)
class EndOfProcess:
    """End of a process; the exit code is negative for a signal (-9 is SIGKILL)."""

    name: str
    ns: int
    exit_code: int


@dataclass(eq=False, repr=False)
class Exchange:
    """A request that a program received, with its journal records."""

    arrival: Record
    answered: Record = field(default_factory=dict)
    end: Record | None = None

    @property
    def pid(self) -> int:
        """PID of the program that received the request."""
        return int(self.arrival["pid"])

    @property
    def status(self) -> int:
        """HTTP status of the response, 0 if there is none yet."""
        return int(self.answered.get("status") or 0)

    @property
    def request_id(self) -> str | None:
        """Request id of the inference, if it is one."""
        return self.answered.get("request_id") or self.asked_id

    @property
    def asked_id(self) -> str | None:
        """Request id in the body of the request; a body that is no JSON object is a text and has none."""
        body = self.arrival.get("body")
        return body.get("request_id") if isinstance(body, dict) else None

    def is_for(self, role: str, method: str, path: str) -> bool:
        """Whether this is a request to a program of a role, fake or real.

        Args:
            role: queen, hive or worker.
            method: HTTP method.
            path: path of the request.
        """
        return (role_of(self.arrival), self.arrival["method"]) == (role, method) and self.arrival["path"] == path

    def records(self) -> tuple[Record, ...]:
        """All records of the exchange."""
        return tuple(record for record in (self.arrival, self.answered, self.end) if record)


class History:
    """Journal records of a fleet, indexed for the rules.

    Args:
        records: records of all programs and of the library, in order of time, each with the `name` of its program; tokens may be left out.
    """

    def __init__(self, records: Sequence[Record]):
        self.records = records
        self._by_kind: dict[str, list[Record]] = {}
        self._sent_from: dict[int, list[Record]] = {}
        self._corrected: dict[tuple[int, int], int] = {}
        exchanges: dict[tuple[int, int], Exchange] = {}
        for record in records:
            kind, key = str(record.get("record")), (record["pid"], record.get("n", -1))
            self._by_kind.setdefault(kind, []).append(record)
            if kind == "request_in":
                exchanges[key] = Exchange(record)
            elif kind == "answered" and key in exchanges:
                exchanges[key].answered = record
            elif kind == "request_end" and key in exchanges:
                exchanges[key].end = record
            elif kind == "request_out" and record.get("port"):
                self._sent_from.setdefault(record["port"], []).append(record)
            elif kind == "cause":
                self._corrected[key] = int(record["cause"])
        self._exchanges = exchanges
        self.exchanges = list(exchanges.values())
        self.hurt = {record["to_pid"] for record in self.of("signal_sent") if record.get("signal") in ("SIGKILL", "SIGSTOP")}
        self.hurt |= {pid for record in self.of("start_undone") for pid in record["pids"]}
        """PIDs of processes that the test itself killed or froze."""

    def of(self, kind: str, pid: int | None = None, *, role: str | None = None, **wanted: Any) -> list[Record]:
        """Records of a kind.

        Args:
            kind: kind of the records, such as `state`.
            pid: only records of this process; None for all.
            role: only records of programs of this role; None for all.
            wanted: only records with these values.
        """
        return [
            record
            for record in self._by_kind.get(kind, [])
            if pid in (None, record["pid"]) and role in (None, role_of(record)) and all(record.get(name) == value for name, value in wanted.items())
        ]

    def asked(self, role: str, method: str, path: str) -> list[Exchange]:
        """Requests that programs of a role received, in order; arguments as for `Exchange.is_for`."""
        return [exchange for exchange in self.exchanges if exchange.is_for(role, method, path)]

    def exchange(self, pid: int, number: int) -> Exchange | None:
        """A request that a process received, by the number that it gave it; None if it has not received it."""
        return self._exchanges.get((pid, number))

    def sent(self, exchange: Exchange) -> Record | None:
        """The record of a real program's request by which this exchange began: it came over the same connection. None for requests of others."""
        arrival = exchange.arrival
        found = [
            record
            for record in self._sent_from.get(arrival.get("peer") or 0, [])
            if record["ns"] <= arrival["ns"] and (record["method"], record["path"]) == (arrival["method"], arrival["path"])
        ]
        return found[-1] if found else None

    def sender(self, exchange: Exchange) -> tuple[str, str]:
        """Role and name of the program that sent a request; empty texts for the test itself and for strangers."""
        sent = self.sent(exchange)
        if sent is not None:
            return role_of(sent), str(sent["name"])
        caller = str(exchange.arrival.get("caller"))
        return (caller.partition("/")[0].removeprefix("fake-"), caller) if caller.startswith("fake-") else ("", caller)

    def cause(self, exchange: Exchange) -> Exchange | None:
        """The request to a real program because of which it sent this one; None if that is not known."""
        sent = self.sent(exchange)
        if sent is None or "cause" not in sent:
            return None
        number = self._corrected.get((sent["pid"], sent["n"]), int(sent["cause"]))
        return self._exchanges.get((sent["pid"], number))

    def request_of(self, exchange: Exchange) -> str | None:
        """The request id of an inference as its first client knows it: a real program between them passes no ids on."""
        cause = self.cause(exchange)
        return exchange.request_id if cause is None else self.request_of(cause)

    def inferences(self) -> list[Exchange]:
        """Inference requests that workers received."""
        return self.asked("worker", "POST", "/v1/inference")

    def end(self, pid: int) -> EndOfProcess | None:
        """The end of a process, or None if it is not recorded."""
        for reported in self.of("process_exited", child=pid):
            name = str(reported.get("worker_id") or reported.get("role"))
            return EndOfProcess(name, reported["ns"], -reported["signal"] if reported.get("signal") else reported["exit_code"])
        return None


def groups_of(record: Record) -> str:
    """The groups of a partition, as a test writes them; an empty text for other records."""
    return " | ".join(", ".join(group) for group in record.get("groups") or [])


def role_of(record: Record) -> str:
    """Role of the program that wrote a record: `queen` for `fake-queen` and for `real-queen`."""
    return str(record.get("program")).partition("-")[2]


def subject_of(record: Record) -> str:
    """Name of the program that a record is about, which is not always the one that wrote it."""
    if record.get("record") == "signal_sent":
        return str(record.get("to"))
    if record.get("record") == "process_exited":
        return str(record.get("worker_id") or record.get("role") or "a process")
    return str(record.get("worker_id") or record["name"])


def ends_its_program(record: Record) -> bool:
    """Whether the record is the hit of a fault that ends its own program."""
    return record.get("record") == "fault" and str(record.get("kind")).startswith(_ENDING_FAULTS)


def open_ends(records: Sequence[Record]) -> list[str]:
    """Names of programs that are bound to end but whose end is not in the journal yet.

    These are killed programs, and programs that end themselves by a fault or because their journal cannot be written.

    Args:
        records: of all programs and of the library.
    """
    return [name for name, at in ordered_ends(records).items() if not _is_reported(records, name, at)]


def ordered_ends(records: Sequence[Record]) -> dict[str, int]:
    """Program name -> time in nanoseconds of what ends it."""
    ordered = {}
    for record in records:
        if ends_its_program(record) or (record.get("record") == "journal_lost" and str(record.get("program")).startswith("fake-")):
            ordered[str(record["name"])] = record["ns"]
        elif record.get("record") == "signal_sent" and record.get("signal") == "SIGKILL":
            ordered[str(record.get("to"))] = record["ns"]
    return ordered


def reports_end(record: Record, ordered: dict[str, int]) -> bool:
    """Whether a record reports the end of a program after what ended it, see `ordered_ends`."""
    name = subject_of(record)
    return record.get("record") in ("process_exited", "worker_removed") and name in ordered and record["ns"] >= ordered[name]


def _is_reported(records: Sequence[Record], name: str, at: int) -> bool:
    reports = [record for record in records if reports_end(record, {name: at})]
    ended = next((record for record in reports if record["record"] == "process_exited"), None)
    return ended is not None and ("worker_id" not in ended or any(record["record"] == "worker_removed" for record in reports))
