"""A fake that says what its contract does not is a broken fake: it finds out itself, before it says so, and tells its journal."""

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
"""How the event begins that is written most: the token of an inference in its plain shape, which nothing else follows but more of them."""
_DATA = len(b"data: ")


class ContractCheck:
    """Judges requests and answers by `protocol/routes.py`, faults left out.

    Args:
        journal: takes an `off_contract` record for each finding.
        log: takes a line as well.
    """

    def __init__(self, journal: Journal, log: Callable[[str], object]):
        self._journal = journal
        self._log = log

    def answer(self, route: Route, asked: dict[str, Any], status: int, body: Any) -> None:
        """An answer that is complete."""
        if isinstance(body, dict) or body is None:
            self._tell(route, status, wrong_answer(route, status, body))
        elif status not in route.answers:
            self._tell(route, status, [f"status {status} is not in the contract"])
        if status < 400:
            self.request(route, asked, status)

    def broke(self, route: Route) -> None:
        """A handler has raised what it should not; also where the contract knows INTERNAL, which means a database there."""
        self._tell(route, 500, ["the program met an error of its own, see its output"])

    def request(self, route: Route, asked: dict[str, Any], status: int) -> None:
        """A request that was taken."""
        if route.takes is not None:
            try:
                read(route.takes, asked)
            except RbeeError as error:
                self._tell(route, status, [f"took a request that it has to refuse: {error.message}"])

    def events(self, route: Route, status: int, events: Iterator[bytes]) -> Iterator[bytes]:
        """An answer under way, event by event; what is passed on is judged where it was made."""
        described = route.answers.get(status)
        if route.relays or isinstance(described, Raw):
            return events
        if isinstance(described, Events):
            return chain.from_iterable(self._judged(route, status, events, described))
        return self._judged_whole(route, status, events)

    def _judged(self, route: Route, status: int, events: Iterator[bytes], described: Events) -> Iterator[Iterable[bytes]]:
        for event in events:
            if not is_end(event):
                self._tell(route, status, wrong_event(described, ServerSentEvent(event[_DATA:-2].decode("utf-8", "replace"))))
            yield (event,)
            if event.startswith(_PLAIN_TOKEN):
                yield events  # what follows comes from the same line of code, a thousand times a second

    def _judged_whole(self, route: Route, status: int, events: Iterator[bytes]) -> Iterator[bytes]:
        for body in events:
            self._tell(route, status, wrong_answer(route, status, json.loads(body)))
            yield body

    def _tell(self, route: Route, status: int, problems: list[str]) -> None:
        for problem in problems:
            self._journal.record("off_contract", method=route.method, path=route.path, status=status, problem=problem)
            self._log(f"off contract: {route} {status}: {problem}")
