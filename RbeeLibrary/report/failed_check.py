"""What a failed check is about, and what the journals know of it: the programs and requests from which its cause is looked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .history import Exchange, History, subject_of

Record = dict[str, Any]


@dataclass(frozen=True)
class FailedKeyword:
    """The keyword that failed.

    Args:
        name: of the keyword.
        arguments: with values instead of variables.
        line: where it is called: `smoke.robot, line 12`; empty if that is not known.
    """

    name: str = "the test"
    arguments: tuple[str, ...] = ()
    line: str = ""


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed.

    Args:
        message: of the failure.
        at: when it failed, in monotonic nanoseconds.
        keyword: that failed.
        stopped: names of programs that the kernel had stopped (state T) at that moment.
        said: name of a command -> the line of its output that says what went wrong, or the last one.
        ports: TCP port -> name of a program; those that were started in the test tell theirs in its records as well.
    """

    message: str
    at: int
    keyword: FailedKeyword = FailedKeyword()
    stopped: frozenset[str] = frozenset()
    said: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, str] = field(default_factory=dict)

    @property
    def has_findings(self) -> bool:
        """Whether it says that programs broke rules, which an injected fault makes them do, but not the end of another program."""
        return "the fleet misbehaved" in self.message or "broke the fleet" in self.message

    @property
    def is_own_failure(self) -> bool:
        """Whether the library itself met an error."""
        return re.search("^the library failed", self.message, re.MULTILINE) is not None

    def mentioned(self, names: Iterable[str]) -> list[str]:
        """Those of some names that message and arguments have as whole words, in the order of the text: `worker-12` does not mention `worker-1`."""
        inside = [name for name in names if name and name in self._text]
        found = {name: match.start() for name in inside if (match := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self._text))}
        return sorted(found, key=lambda name: found[name])

    @property
    def addresses(self) -> list[str]:
        """Addresses of this machine that message and arguments have, as `HOST:PORT`: a keyword of another library knows a program by its URL only."""
        return re.findall(r"(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+", self._text)

    @property
    def _text(self) -> str:
        return " ".join([self.message, *self.keyword.arguments])


@dataclass(frozen=True)
class Suspect:
    """A program that may have to do with the failure, and when.

    Args:
        name: of the program.
        since: start of the time that matters, in monotonic nanoseconds.
        until: its end.
        hop: the request that it had at that time; None if the program itself is the subject.
        is_needed: whether the check is not about it, but about a program that depends on it.
    """

    name: str
    since: int
    until: int
    hop: Exchange | None = None
    is_needed: bool = False

    def covers(self, record: Record) -> bool:
        """Whether a record is about the program in this time, and about the path of its request if both have one."""
        if subject_of(record) != self.name or not self.since <= record["ns"] <= self.until:
            return False
        return self.hop is None or record.get("path") in (None, self.hop.arrival.get("path"))


class Scene:
    """The records of a test up to a failure.

    Args:
        records: of all programs and of the library, in order of time, each with the `name` of its program.
        check: that failed.
    """

    def __init__(self, records: Sequence[Record], check: FailedCheck):
        self.check = check
        self.records = records
        self.history = History(records)
        self.names = list(dict.fromkeys([*(str(record["name"]) for record in records), *map(subject_of, records)]))
        self.requests: dict[str, list[Exchange]] = {}
        """Request ids and correlation ids -> requests that programs received under them."""
        for exchange in self.history.exchanges:
            for name in {self.history.request_of(exchange), exchange.request_id, exchange.arrival.get("correlation_id")} - {None}:
                self.requests.setdefault(str(name), []).append(exchange)
        bound = {int(record["port"]): str(record["name"]) for record in records if record.get("record") == "bound" and record.get("port")}
        self._ports = {**check.ports, **bound}

    def of(self, *kinds: str) -> list[Record]:
        """Records of these kinds, in order of time."""
        return sorted((record for kind in kinds for record in self.history.of(kind)), key=lambda record: int(record["ns"]))

    def suspects(self) -> Iterator[list[Suspect]]:
        """Groups of programs, the most likely ones first: those on the way of a mentioned request, mentioned ones, and those that they depend on."""
        for exchanges in self._mentioned_inferences():
            hops = [self._of_hop(exchange) for exchange in sorted(exchanges, key=lambda one: -int(one.arrival["ns"]))]
            yield hops
            yield self._needed(self._targets({hop.name for hop in hops}, hops[-1].since))
        mentioned = self.mentioned()
        yield [Suspect(name, 0, self.check.at) for name in mentioned]
        yield self._needed(self._needed_by(mentioned))

    def mentioned(self) -> list[str]:
        """Programs that the check has by their names, then those that it has by their addresses."""
        return list(dict.fromkeys([*self.check.mentioned(self.names), *filter(None, map(self.program_at, self.check.addresses))]))

    def _needed(self, names: Iterable[str]) -> list[Suspect]:
        return [Suspect(name, 0, self.check.at, is_needed=True) for name in names]

    def program_at(self, target: str) -> str:
        """Name of the program that listens, or did, at `HOST:PORT`; an empty text if none is known."""
        port = target.rpartition(":")[2]
        return self._ports.get(int(port), "") if port.isdigit() else ""

    def _mentioned_inferences(self) -> Iterator[list[Exchange]]:
        for name in self.check.mentioned(self.requests):
            found = self.requests[name]
            related = {str(exchange.arrival.get("correlation_id")) for exchange in found}
            yield [exchange for exchange in self.history.exchanges if exchange in found or exchange.arrival.get("correlation_id") in related]

    def _of_hop(self, exchange: Exchange) -> Suspect:
        ended = exchange.end["ns"] if exchange.end is not None else self.check.at
        deaths = [one["ns"] for one in self.of("process_exited", "signal_sent") if subject_of(one) == exchange.arrival["name"]]
        later = [at for at in deaths if exchange.arrival["ns"] <= at]
        return Suspect(str(exchange.arrival["name"]), exchange.arrival["ns"], max([ended, *later[:1]]), exchange)

    def _targets(self, names: set[str], since: int) -> list[str]:
        """Programs to which these have sent requests."""
        sent = [record for record in self.of("request_out") if record["name"] in names and record["ns"] >= since]
        return list(dict.fromkeys(name for record in reversed(sent) if (name := self.program_at(str(record.get("target")))) and name not in names))

    def _needed_by(self, names: Sequence[str]) -> list[str]:
        """Programs that these have asked or were started by, and those that they have started."""
        pids = {record["pid"]: str(record["name"]) for record in self.records}
        started = [(str(record["name"]), pids.get(record.get("child"), str(record.get("worker_id")))) for record in self.of("process_started")]
        parents = [parent for parent, child in started if child in names]
        children = [child for parent, child in started if parent in names]
        return [name for name in dict.fromkeys([*self._targets(set(names), 0), *parents, *children]) if name not in names and name != "library"]
