"""`rbee-keeper infer`: runs one inference, by way of the queen or directly (contract 3, 7.2, 7.4, 7.5)."""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import Any

from ...clock.event import Event
from ...errors import HttpFailure, NoAnswer
from ...net.http_client import Stream
from ...protocol import sse
from ...protocol.error_codes import RbeeError
from ...protocol.forms import split_durations
from ...protocol.keeper_options import InferOptions
from ...protocol.options import VERSION
from ..rbee_client import FoundWorker, Limits, RbeeClient, Wanted, checked_object
from ..runtime.program import Program
from ..runtime.retry import attempts, doubling
from .child_daemon import ChildDaemon, port_of, serves
from .console import Console
from .explanations import Failure, explain, host_of, in_words

INTERRUPTED = 130
_HIVE_PORT = 9200
_PROGRESS_LIMIT = 2.0
_REFUSED_AS_IT_CAME = 400
"""Status of a task that never began, so it has no progress."""
CONNECT_PAUSE = 0.2
"""Seconds before the second connection attempt; each further pause is twice as long."""


class _Broken(Exception):
    """The stream ended without its end marker."""


class _Stalled(Exception):
    """The stream sent nothing for too long; the argument is the limit in words."""


class Infer:
    """The command `infer`: one inference.

    Args:
        keeper: the keeper.
        options: of the command.
        console: for all output.
    """

    def __init__(self, keeper: Program, options: InferOptions, console: Console):
        self._keeper = keeper
        self._options = options
        self._console = console
        self._id = options.request_id or f"req-{uuid.uuid4().hex[:12]}"
        self._queen_url = options.queen_url.rstrip("/")
        self._hive_url = (options.hive_url or "").rstrip("/")
        self._asks_queen = not (options.direct or options.hive_url or options.ephemeral_hive)
        self._worker: FoundWorker | None = None
        self._answering_url = ""
        self._cancelled = Event()
        self._tokens: list[str] = []
        self._owned: list[ChildDaemon] = []
        limits = Limits(
            options.connect_timeout,
            doubling(options.retry, CONNECT_PAUSE),
            options.hive_timeout,
            options.spawn_timeout,
            options.ready_poll,
            options.ready_request_timeout,
            options.ready_timeout,
            options.answer_timeout,
        )
        self._headers = {"X-Rbee-Version": VERSION}
        self._client = RbeeClient(
            keeper.client,
            lambda job, *args: keeper.spawn(job, *args, name="loading"),
            keeper.clock,
            limits,
            self._headers,
            VERSION,
            self._show,
            self._cancelled,
        )

    # --- lifecycle ---

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        try:
            try:
                self._start_daemons()
                stream = self._answer()
            except RbeeError as error:
                return self._fail(Failure.of(error), error.headers.get("X-Hive-Url"))
            return self._read(stream)
        finally:
            self._end_daemons()

    def interrupt(self) -> int:
        """Handles Ctrl+C: cancels the inference and ends the daemons of this command; returns the exit code."""
        self._cancelled.set()
        self._console.report("")
        self._console.report("Canceled.")
        self._console.silent = True
        self._cancel()
        self._end_daemons()
        return INTERRUPTED

    def _cancel(self) -> None:
        options = self._options
        if self._worker is not None:
            url = f"{self._worker.url}/v1/inference/{self._id}"
        elif self._asks_queen:
            url = f"{self._queen_url}/v2/tasks/{self._id}"
        else:
            return
        with contextlib.suppress(HttpFailure):
            self._keeper.client.call("DELETE", url, limit=options.cancel_timeout, timer="cancel")

    # --- daemons of an ephemeral command (7.5) ---

    def _start_daemons(self) -> None:
        options = self._options
        if options.ephemeral_hive:
            port = port_of(self._hive_url, _HIVE_PORT) if self._hive_url or options.hive_program else 0
            self._hive_url = self._start_daemon("hive", options.hive_program, port)
        elif options.ephemeral:
            if serves(self._keeper, self._queen_url):
                self._console.report(f"a queen is already running at {self._queen_url}; it is used, and left alone")
            else:
                self._start_daemon("queen", options.queen_program, port_of(self._queen_url, 80))

    def _start_daemon(self, role: str, program: str | None, port: int) -> str:
        daemon = ChildDaemon(self._keeper, role, program, port)
        self._owned.append(daemon)
        self._console.report(f"starting a {role} for this command")
        daemon.await_serving(self._options.start_timeout)
        return daemon.url

    def _end_daemons(self) -> None:
        for child in self._owned:
            child.end(self._options.stop_timeout)

    # --- request ---

    def _answer(self) -> Stream:
        """The stream of a worker; a request to a busy one is repeated, as often as there are pauses."""
        pauses = [0.0, *split_durations(self._options.busy_delays)]
        for attempt in attempts(self._keeper.clock, pauses, "busy-retry", self._cancelled):
            try:
                return self._good(self._ask())
            except RbeeError as error:
                if Failure.of(error).code != "ALL_SLOTS_BUSY":
                    raise
                if attempt == len(pauses):
                    self._console.report(f"the worker is still busy after {attempt - 1} retries")
                    raise
                self._console.report(f"all slots are busy, retrying in {in_words(pauses[attempt])}")
        raise AssertionError("the last attempt returns or raises")

    def _ask(self) -> Stream:
        if self._asks_queen:
            return self._ask_queen()
        if self._worker is None:
            if not self._hive_url:
                self._hive_url = self._find_hive()
            wanted = Wanted(self._options.model, self._options.backend, self._options.device)
            self._answering_url = self._hive_url
            self._worker = self._client.find_worker(self._hive_url, wanted)
        self._answering_url = self._worker.url
        return self._client.infer(self._worker, self._body("job_id"))

    def _ask_queen(self) -> Stream:
        options = self._options
        self._answering_url = self._queen_url
        progress = self._keeper.spawn(self._follow_progress, name="progress")
        body = {**self._body(), "node": options.node, "model": options.model, "backend": options.backend, "device": options.device}
        body = {name: value for name, value in body.items() if value is not None and name != "stream"}
        stream = self._client.ask(f"{self._queen_url}/v2/tasks", body, options.answer_timeout)
        if stream.status not in (200, _REFUSED_AS_IT_CAME):
            progress.join(_PROGRESS_LIMIT)
        return stream

    def _find_hive(self) -> str:
        body = {"node": self._options.node, "model": self._options.model, "prompt": self._options.prompt, "direct": True}
        self._answering_url = self._queen_url
        payload = self._client.object("POST", f"{self._queen_url}/v2/tasks", body, limit=self._options.answer_timeout)
        if "hive_url" not in payload:
            raise RbeeError("HIVE_ERROR", "the queen did not say where the hive is")
        return str(payload["hive_url"])

    def _body(self, *ids: str) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {"request_id": self._id, **dict.fromkeys(ids, self._id), "prompt": options.prompt, "stream": True}
        body |= {"max_tokens": options.max_tokens, "temperature": options.temperature}
        return body if options.seed is None else {**body, "seed": options.seed}

    def _good(self, stream: Stream) -> Stream:
        if stream.status == 200:
            url = stream.headers.get("x-worker-url")
            if url:
                self._worker = FoundWorker(stream.headers.get("x-worker-id", ""), url)
            return stream
        try:
            answer = stream.read_all()
        except NoAnswer as error:
            raise RbeeError("HIVE_ERROR", f"the answer broke off: {error}") from error
        finally:
            stream.close()
        try:
            checked_object(answer, "the inference")
        except RbeeError as error:
            if url := stream.headers.get("x-hive-url"):
                error.headers["X-Hive-Url"] = url
            raise
        raise RbeeError("HIVE_ERROR", f"the inference was answered with {answer.status}")

    # --- progress ---

    def _show(self, event: dict[str, Any]) -> None:
        if not self._cancelled.is_set():
            self._console.progress(event)

    def _follow_progress(self) -> None:
        try:
            for event in self._client.events(f"{self._queen_url}/v2/tasks/{self._id}/progress", None):
                self._show(event)
        except RbeeError:
            return  # the answer to the task itself has the error

    # --- tokens (7.2, 7.4) ---

    def _read(self, stream: Stream) -> int:
        try:
            self._print(stream)
        except _Broken as error:
            return self._keep_partial([f"the stream of the worker broke: {error}"])
        except _Stalled as error:
            self._cancel()
            return self._keep_partial([f"INFERENCE_TIMEOUT: the worker sent nothing for {error}"])
        finally:
            stream.cut()
            stream.close()
        self._console.token("\n")
        return 0

    def _print(self, stream: Stream) -> None:
        clock, options = self._keeper.clock, self._options
        parser, chunks = sse.Parser(), stream.chunks()
        end = clock.now() + options.timeout
        silent = clock.now() + options.stall_timeout
        while True:
            limit, exceeded = min((silent - clock.now(), options.stall_timeout), (end - clock.now(), options.timeout))
            with clock.limit(max(0.0, limit), stream.cut, "stall") as timer:
                try:
                    chunk = next(chunks, None)
                except NoAnswer as error:
                    if timer.fired:
                        raise _Stalled(in_words(exceeded)) from error
                    raise _Broken(str(error)) from error
            if chunk is None:
                if timer.fired:
                    raise _Stalled(in_words(exceeded))
                raise _Broken("it ended without [DONE]")
            for event in parser.feed(chunk):
                silent = clock.now() + options.stall_timeout
                if event.is_done:
                    return
                self._take(event.json() or {})

    def _take(self, payload: dict[str, Any]) -> None:
        if payload.get("type") == "error" or "error" in payload:
            raise _Broken(f"the worker reported {payload.get('code') or payload.get('error')}: {payload.get('message', '')}")
        text = sse.token_text(payload)
        if text is not None and not self._cancelled.is_set():
            self._tokens.append(text)
            self._console.token(text)

    def _keep_partial(self, lines: list[str]) -> int:
        path = os.path.join(self._options.partial_dir, f"rbee-partial-{self._id}.txt")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write("".join(self._tokens))
            kept = f"what came is in {path}"
        except OSError as error:
            kept = f"what came could not be written to {path}: {error.strerror}"
        self._console.report("")
        self._console.error(f"ERROR: {lines[0]}")
        self._console.report(f"  Tokens generated: {len(self._tokens)} / {self._options.max_tokens}")
        self._console.report(f"  {kept}")
        return 1

    def _fail(self, failure: Failure, hive_url: str | None) -> int:
        if self._cancelled.is_set():
            return INTERRUPTED
        host = host_of(hive_url or self._answering_url)
        first, *more = explain(failure, self._options.node or host, host, host_of(self._queen_url))
        self._console.error(f"ERROR: {first}")
        for line in more:
            self._console.report(line)
        return 1
