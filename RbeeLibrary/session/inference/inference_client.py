"""A client of one inference: reads the answer in the background, keeps every token with its time of arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...clock.activity import ParkedJob
from ...clock.event import Event
from ...errors import HttpFailure, NoAnswer, NotConnected
from ...net.http_client import Answer, HttpClient, Stream
from ...protocol import sse
from ...protocol.error_codes import envelope_error
from ...run.interruption import interruptible
from ..types import Daemon, InferenceState

_SHOWN = 500
_LITTLE = 2048
"""Bytes that the system takes in advance for a client that reads slowly; Linux doubles it, and takes no less."""
OVER = (InferenceState.done, InferenceState.refused, InferenceState.cancelled, InferenceState.stalled, InferenceState.broken)


@dataclass(frozen=True)
class Token:
    """One token event: its text and when it arrived (monotonic seconds)."""

    text: str
    at: float


@dataclass(frozen=True)
class Reading:
    """How a client reads its answer.

    Args:
        rate: tokens per second of real time; None = as they come, 0 = nothing at all until `Resume Reading`.
        leave_after: the client leaves after so many tokens; None = it stays.
        half_close: whether it closes its own direction when the request is sent.
        last_event_id: header `Last-Event-ID`, of a client that connects again; None = without.
    """

    rate: float | None = None
    leave_after: int | None = None
    half_close: bool = False
    last_event_id: str | None = None


class Inference:
    """An inference under way.

    For .robot files: `${answer.id}`, `.tokens`, `.text`, `.state`, `.status`, `.headers`, `.events` (the JSON objects), `.error` (of a refusal).
    """

    def __init__(
        self, http: HttpClient, to: Daemon, path: str, cancel_path: str, body: dict[str, Any], key: str | None, silence: float, reading: Reading | None = None
    ):
        self.id = str(body["request_id"])
        self.to = to.name
        self.tokens: list[Token] = []
        self.events: list[dict[str, Any]] = []
        self.raw = b""
        self.state = InferenceState.connecting
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.error: dict[str, Any] = {}
        self.error_code = ""
        self.error_message = ""
        self.read = 0
        self.logged = False
        self.unfinished = ""
        """What it was doing when its test ended; empty if it ended before."""
        self.started_at = 0.0
        self._left = Event()
        self._reading = reading or Reading()
        self._paused = self._reading.rate == 0
        self._next_token = 0.0
        self._http = http.reading_little(_LITTLE) if self._reading.rate is not None else http
        self.url = f"{to.url}{path}"
        self._cancel_url = f"{to.url}{cancel_path}"
        self._body = body
        self.prompt = str(body["prompt"])
        self.wanted: int | None = body.get("max_tokens")
        self.seed: int | None = body.get("seed")
        self._auth = {"Authorization": f"Bearer {key}"} if key else {}
        self._silence = silence
        self._changed = threading.Condition()
        self._stream: Stream | None = None
        self._leaving = False
        self._deleted = False

    def __str__(self) -> str:
        return f"inference {self.id} of {self.to}"

    @property
    def text(self) -> str:
        """The texts of all tokens so far, joined."""
        return "".join(token.text for token in self.tokens)

    @property
    def refusal(self) -> str:
        """The text of a refusal that has no error code; empty otherwise."""
        return self.error_message if self.state is InferenceState.refused and self.status is not None and not self.error_code else ""

    def start(self) -> None:
        """Sends the request and reads the answer in a thread."""
        self.started_at = time.monotonic()
        self._http.activity.add_job()
        threading.Thread(target=self._read_all, name=self.id, daemon=True).start()

    def why(self) -> str:
        """What is known about a bad end, for messages."""
        status = str(self.status) if self.state is InferenceState.refused and self.status is not None else ""
        text = " ".join(part for part in (status, self.error_code, self.error_message) if part)
        return f" ({text})" if text else ""

    def await_change(self, condition: Callable[[], bool], limit: float) -> bool:
        """Waits until a condition about this inference holds."""
        with self._changed, interruptible():
            return self._changed.wait_for(condition, limit)

    def await_end(self, limit: float) -> bool:
        """Waits until it has ended, well or not; False if it has not within the limit."""
        return self.await_change(lambda: self.state in OVER, limit)

    def disconnect(self) -> None:
        """Closes the client's socket."""
        with self._changed:
            self._leaving = True
            if self._stream is not None:
                self._stream.cut()
            self._changed.notify_all()
        self._left.set()

    def pause(self) -> None:
        """Reads nothing from now on."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Reads on, at its rate."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def _wait_to_read(self) -> None:
        """Waits while the client does not read. That is no work: the clock may move meanwhile."""
        rate = self._reading.rate
        with self._changed:
            rest = ParkedJob(self._http.activity)
            rest.begin()
            try:
                while not self._leaving:
                    left = self._next_token - time.monotonic()
                    if not self._paused and left <= 0:
                        break
                    self._changed.wait(None if self._paused else left)
            finally:
                rest.end()
            if rate:
                self._next_token = max(self._next_token, time.monotonic()) + 1 / rate

    def delete(self, limit: float) -> int:
        """Sends DELETE and returns the status."""
        self._deleted = True
        return self._http.call("DELETE", self._cancel_url, limit=limit, headers=self._auth).status

    def _read_all(self) -> None:
        with self._http.activity.added_job(str(self)):
            try:
                self._run()
            except Exception as error:  # nobody may wait for ever for an answer that the library cannot read
                self._end(InferenceState.broken, "", f"the library could not read the answer: {type(error).__name__}: {error}")
                raise

    def _run(self) -> None:
        again = {"Last-Event-ID": self._reading.last_event_id} if self._reading.last_event_id is not None else {}
        headers = {**self._auth, "X-Request-Id": self.id, **again}
        try:
            stream = self._http.cancelled_by(self._left).open("POST", self.url, self._body, limit=self._silence, headers=headers)
        except NotConnected as error:
            self._end(InferenceState.cancelled if self._leaving else InferenceState.refused, "UNREACHABLE", str(error))
            return
        except HttpFailure as error:
            late = "no answer within" in str(error)
            self._end(InferenceState.cancelled if self._leaving else InferenceState.stalled if late else InferenceState.broken, "", str(error))
            return
        with self._changed:
            self._stream = stream
            self.status, self.headers = stream.status, stream.headers
            if self._leaving:
                stream.cut()
            if stream.status == 200:
                self.state = InferenceState.streaming
            self._changed.notify_all()
        try:
            if stream.status == 200:
                self._read(stream)
            else:
                self._read_refusal(stream)
        finally:
            stream.close()

    def _read_refusal(self, stream: Stream) -> None:
        try:
            said = stream.read_all()
            self.raw = said.body
            error = envelope_error(said.object()) or {"message": _as_text(said)}
        except HttpFailure as failure:
            error = {"message": str(failure)}
        self.error = error
        self._end(InferenceState.refused, str(error.get("code", "")), str(error.get("message") or f"status {stream.status}"))

    def _read(self, stream: Stream) -> None:
        stream.limit_silence(self._silence)
        if self._reading.half_close:
            stream.half_close()
        parser = sse.Parser()
        known = 0
        try:
            if self._paused:
                self._wait_to_read()
            for piece in stream.chunks():
                if self._leaving and self._reading.rate is not None:
                    self._end(self._bad_end(), "", "the client has left without reading the rest")
                    return
                at = time.monotonic()
                self.raw += piece
                for event in parser.feed(piece):
                    if event.is_done:
                        self._end(self._good_end())
                        return
                    self._take(event, at)
                    if len(self.tokens) == self._reading.leave_after:
                        self.disconnect()
                        self._end(self._bad_end(), "", "the client has left")
                        return
                if self._paused or (self._reading.rate and len(self.tokens) > known):
                    known = len(self.tokens)
                    self._wait_to_read()
            cut = f", inside an event: {parser.rest[:80]!r}" if parser.rest else ""
            self._end(self._bad_end(), "", f"the stream ended without [DONE]{cut}")
        except NoAnswer as error:
            if "timed out" in str(error) and not self._leaving:
                self._end(InferenceState.stalled, "", f"nothing came for {self._silence:g} s")
            else:
                self._end(self._bad_end(), "", str(error))

    def _take(self, event: sse.ServerSentEvent, at: float) -> None:
        value = event.json() or {}
        text = sse.token_text(value)
        with self._changed:
            self.events.append(value)
            if text is not None:
                self.tokens.append(Token(text, at))
            if value.get("type") == "error":
                self.error_code, self.error_message = str(value.get("code", "")), str(value.get("message", ""))
            self._changed.notify_all()

    def _good_end(self) -> InferenceState:
        if self._deleted:
            return InferenceState.cancelled
        return InferenceState.broken if self.error_code else InferenceState.done

    def _bad_end(self) -> InferenceState:
        return InferenceState.cancelled if self._leaving else InferenceState.broken

    def _end(self, state: InferenceState, code: str = "", message: str = "") -> None:
        with self._changed:
            self.state = state
            self.error_code = code or self.error_code
            self.error_message = message or self.error_message
            self._changed.notify_all()


def _as_text(answer: Answer) -> str:
    """What an answer without the envelope says; real programs refuse in plain text."""
    return answer.body.decode("utf-8", "replace").strip()[:_SHOWN]
