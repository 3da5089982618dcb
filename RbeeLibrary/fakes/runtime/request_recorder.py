"""Journal records and access log of one request. Each is written before other processes can see what it describes."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...clock.clock import Clock
from ...journal.writer import Journal, without_secrets
from ...protocol import sse
from ...protocol.error_codes import error_fields

_numbers = itertools.count(1)


class RequestRecorder:
    """Records a request from its arrival to the end of its answer.

    Args:
        journal: takes the records.
        clock: stamps start and end.
        log: writes the line of the access log.
        method: of the request.
        path: of the request.
        query: of the request, undecoded.
        headers: of the request, names in title case.
        peer: TCP port of the client, by which a request of a real program is recognized.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        log: Callable[[str], object],
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        peer: str | None = None,
    ):
        self.correlation_id = headers.get("X-Correlation-Id") or str(uuid.uuid4())
        self.request_id: str | None = None
        self.ends: int | None = None
        """Number of end markers sent; None for an answer that is not an event stream."""
        self._journal = journal
        self._clock = clock
        self._log = log
        self._line = f"{method} {path}"
        self._number = next(_numbers)
        self._arrival = {
            "method": method,
            "path": path,
            "query": query,
            "caller": headers.get("User-Agent"),
            "peer": int(peer or 0),
            "correlation_id": self.correlation_id,
            "headers": without_secrets(dict(headers)),
            "start": round(clock.now(), 6),
        }

    def arrived(self, body: dict[str, Any]) -> None:
        """Records the request with its body."""
        self._journal.record("request_in", n=self._number, **self._arrival, body=body)

    def answered(self, status: int, body: Any = None, retry_after: str | None = None) -> None:
        """Records the status, and what an error says; called before anything is sent.

        Args:
            status: of the answer.
            body: of the answer.
            retry_after: header of the answer, in seconds.
        """
        pause = {} if retry_after is None else {"retry_after": float(retry_after)}
        self._journal.record("answered", n=self._number, status=status, request_id=self.request_id, **pause, **error_fields(body))
        self._log(f"{self._line} {status}")

    def counts_ends(self, events: Iterator[bytes]) -> Iterator[bytes]:
        """Counts the end markers of an event stream; the events pass unchanged."""
        self.ends, tail = 0, b""
        for event in events:
            if b"]" in event:  # a relayed stream may be cut into pieces anywhere
                self.ends += (tail + event).count(sse.DONE)
            tail = event[-len(sse.DONE) + 1 :]
            yield event

    def ended(self, *, gone: bool = False) -> None:
        """Records the end of the answer, which is complete unless the client is gone."""
        stream = {} if self.ends is None else {"ends": self.ends, "gone": gone}
        self._journal.record("request_end", n=self._number, end=round(self._clock.now(), 6), **stream)
