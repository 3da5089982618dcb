"""Checks each request and answer of a fake against the contract. A deviation is recorded before the answer leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from ...journal.writer import Journal
from ...protocol.error_codes import RbeeError
from ...protocol.schema.conformity import is_end, wrong_answer, wrong_event
from ...protocol.schema.fields import read
from ...protocol.schema.routes import Events, Raw, Route
from ...protocol.sse import ServerSentEvent

_PLAIN_TOKEN = b'data: {"t":"'
"""Start of the most frequent event: a token in the plain shape. Only more of these follow the first one."""
_DATA = len(b"data: ")


class ContractCheck:
    """Checks requests and answers against `protocol/schema/routes.py`, as they are before faults change them.

    Args:
        journal: takes an `off_contract` record for each finding.
        log: writes a log line for each finding.
    """

    def __init__(self, journal: Journal, log: Callable[[str], object]):
        self._journal = journal
        self._log = log

    def answer(self, route: Route, request_body: dict[str, Any], status: int, body: Any) -> None:
        """Checks a complete answer, and its request if the answer is a good one.

        Args:
            route: of the request.
            request_body: JSON object of the request.
            status: of the answer.
            body: of the answer; None for an empty one.
        """
        if isinstance(body, dict) or body is None:
            self._report(route, status, wrong_answer(route, status, body))
        elif status not in route.answers:
            self._report(route, status, [f"status {status} is not in the contract"])
        if status < 400:
            self.request(route, request_body, status)

    def broke(self, route: Route, what: str) -> None:
        """Reports a handler that raised an unexpected exception, even where the contract allows INTERNAL, which stands for database errors.

        Args:
            route: of the request.
            what: was raised, and where.
        """
        self._report(route, 500, [what])

    def request(self, route: Route, request_body: dict[str, Any], status: int) -> None:
        """Checks a request that was accepted.

        Args:
            route: of the request.
            request_body: JSON object of the request.
            status: of the answer.
        """
        if route.takes is not None:
            try:
                read(route.takes, request_body)
            except RbeeError as error:
                self._report(route, status, [f"took a request that it has to refuse: {error.message}"])

    def events(self, route: Route, status: int, events: Iterator[bytes]) -> Iterator[bytes]:
        """Checks an answer event by event while it is sent; the events pass unchanged.

        Relayed answers are left out: the program that made them checks them.

        Args:
            route: of the request.
            status: of the answer.
            events: of the answer, as bytes.
        """
        described = route.answers.get(status)
        if route.relays or isinstance(described, Raw):
            return events
        if isinstance(described, Events):
            return chain.from_iterable(self._checked_events(route, status, events, described))
        return self._checked_body(route, status, events)

    def _checked_events(self, route: Route, status: int, events: Iterator[bytes], described: Events) -> Iterator[Iterable[bytes]]:
        for event in events:
            if not is_end(event):
                self._report(route, status, wrong_event(described, ServerSentEvent(event[_DATA:-2].decode("utf-8", "replace"))))
            yield (event,)
            if event.startswith(_PLAIN_TOKEN):
                yield events  # later tokens come from the same line of code, a thousand times a second: no check for each

    def _checked_body(self, route: Route, status: int, events: Iterator[bytes]) -> Iterator[bytes]:
        for body in events:
            self._report(route, status, wrong_answer(route, status, json.loads(body)))
            yield body

    def _report(self, route: Route, status: int, problems: list[str]) -> None:
        for problem in problems:
            self._journal.record("off_contract", method=route.method, path=route.path, status=status, problem=problem)
            self._log(f"off contract: {route} {status}: {problem}")
