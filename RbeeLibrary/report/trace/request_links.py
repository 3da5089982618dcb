"""Which request that a program sent is which one that another program received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]


class RequestLinks:
    """The requests in the records of a test, with the attempt by which each was sent.

    Args:
        records: journal records of all programs and of the library, in order of time; each has the `name` of its program.
    """

    def __init__(self, records: Sequence[Record]):
        sent: dict[tuple[Any, Any, Any], list[Record]] = {}
        self._answers: dict[tuple[int, Any], Record] = {}
        self._ends: dict[tuple[int, Any], Record] = {}
        self._replies: dict[tuple[int, Any], Record] = {}
        kept = {"answered": self._answers, "request_end": self._ends, "answer_in": self._replies}
        for record in records:
            kind = record.get("record")
            if kind == "request_out":
                sent.setdefault(_key(record), []).append(record)
            elif kind in kept:
                kept[str(kind)][record["pid"], record.get("n")] = record
        self.received = [record for record in records if record.get("record") == "request_in"]
        self._sources = {id(record): _last_before(record, sent.get(_key(record), [])) for record in self.received}
        self.sent = [record for several in sent.values() for record in several]

    def source(self, received: Record) -> Record | None:
        """The attempt that a program received: the last one that another program had sent before. None for requests from outside of the run."""
        return self._sources[id(received)]

    def lost(self) -> list[tuple[Record, Record]]:
        """Requests that no program of the run has received, each with the record that says why: refused, cut, or sent to an address where nobody listens."""
        arrived = {id(source) for source in self._sources.values()}
        return [(one, reply) for one in self.sent if id(one) not in arrived and (reply := self.reply(one)) is not None and reply.get("failure")]

    def answer(self, received: Record) -> Record | None:
        """The record with the status of the answer to a request that was received; None if there is none yet."""
        return self._answers.get((received["pid"], received.get("n")))

    def end(self, received: Record) -> Record | None:
        """The record of the end of that answer; None if it is not complete."""
        return self._ends.get((received["pid"], received.get("n")))

    def reply(self, sent: Record) -> Record | None:
        """The record of what came back for a request that was sent; None if nothing did yet."""
        return self._replies.get((sent["pid"], sent.get("n")))


def _key(record: Record) -> tuple[Any, Any, Any]:
    return record.get("correlation_id"), record.get("method"), record.get("path")


def _last_before(received: Record, sent: Sequence[Record]) -> Record | None:
    before = [record for record in sent if record["ns"] <= received["ns"] and record["name"] != received["name"]]
    return before[-1] if before else None
