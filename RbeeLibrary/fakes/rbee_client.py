"""The client that queen and keeper share: it finds or starts a worker and sends requests, with limits and retries (contract 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..clock.clock import Clock
from ..clock.event import Event
from ..errors import HttpFailure, NoAnswer, NotConnected
from ..net.http_client import Answer, HttpClient, Stream
from ..protocol import sse
from ..protocol.error_codes import ERRORS, RbeeError, envelope_error
from ..protocol.options import VERSION
from .runtime.retry import attempts

Response = TypeVar("Response", Answer, Stream)
CANCELLED = "REQUEST_CANCELED"


@dataclass
class Limits:
    """Limits and pauses of a client in seconds of the run's clock (contract 15)."""

    connect: float = 10.0
    connect_pauses: list[float] = field(default_factory=lambda: [0.0, 0.2, 0.4])
    hive: float = 10.0
    spawn: float = 30.0
    ready_poll: float = 2.0
    ready_request: float = 5.0
    ready: float = 300.0
    inference: float = 300.0


@dataclass
class Wanted:
    """Model, backend and device that an inference needs; None = any."""

    model: str
    backend: str | None = None
    device: int | None = None


@dataclass
class FoundWorker:
    """A worker that can take a request."""

    worker_id: str
    url: str


class RbeeClient:
    """Finds or starts a worker for a request, and sends the request to it.

    Args:
        http: sends the requests.
        in_background: runs a function with its arguments in the background.
        clock: measures pauses and limits.
        limits: of requests and waits.
        headers: sent to hive and worker.
        version: that a hive must have.
        progress: gets the progress events for the user.
        cancelled: set when the request is cancelled; every wait and every request under way then ends with REQUEST_CANCELED.
    """

    def __init__(
        self,
        http: HttpClient,
        in_background: Callable[..., object],
        clock: Clock,
        limits: Limits,
        headers: dict[str, str],
        version: str = VERSION,
        progress: Callable[[dict[str, Any]], None] = lambda _: None,
        cancelled: Event | None = None,
    ):
        self._cancelled = cancelled or Event()
        self._http = http.cancelled_by(self._cancelled)
        self._in_background = in_background
        self._clock = clock
        self._limits = limits
        self._headers = headers
        self._version = version
        self._progress = progress

    # --- finding a worker (3.1, steps 5 to 10) ---

    def find_worker(self, hive_url: str, wanted: Wanted, takes_requests: Callable[[str], bool] = lambda _: True) -> FoundWorker:
        """Finds a worker for the model: an idle one, else a loading one once it is loaded, else a busy one, else a new one.

        Args:
            hive_url: URL of the hive.
            wanted: model, backend and device.
            takes_requests: whether the worker with an id may be used, for a client that knows more than the hive.
        """
        return self.find_running_worker(hive_url, wanted, takes_requests) or self._start_worker(hive_url, wanted)

    def find_running_worker(self, hive_url: str, wanted: Wanted, takes_requests: Callable[[str], bool]) -> FoundWorker | None:
        """The same, but None where a new one would have to be started."""
        rows = self.object("GET", f"{hive_url}/v1/workers/list", limit=self._limits.hive).get("workers")
        if not isinstance(rows, list):
            raise RbeeError("HIVE_ERROR", "the hive's list has no field workers")
        row = best_row([row for row in rows if isinstance(row, dict) and takes_requests(_id_of(row))], wanted)
        if row is None:
            return None
        found = FoundWorker(_id_of(row), str(row.get("url")))
        if row.get("state") == "loading":
            self._await_loaded(hive_url, found)
        return found

    def _start_worker(self, hive_url: str, wanted: Wanted) -> FoundWorker:
        health = self.object("GET", f"{hive_url}/v1/health", limit=self._limits.hive)
        version = health.get("version")
        if version != self._version:
            raise RbeeError(
                "VERSION_MISMATCH",
                f"keeper is v{self._version}, hive is v{version}: both must be the same",
                {"keeper_version": self._version, "hive_version": version},
            )
        download = self.object("POST", f"{hive_url}/v1/models/download", {"model_ref": wanted.model}, limit=self._limits.hive)
        if download.get("download_id") != "cached":
            self._follow_download(hive_url, str(download.get("download_id")))
        request = {"model_ref": wanted.model, "backend": wanted.backend or "cpu", "device": wanted.device or 0, "model_path": download.get("local_path") or ""}
        spawned = self.object("POST", f"{hive_url}/v1/workers/spawn", request, limit=self._limits.spawn)
        if "worker_id" not in spawned or "url" not in spawned:
            raise RbeeError("HIVE_ERROR", "the hive's answer to spawn lacks worker_id or url")
        found = FoundWorker(str(spawned["worker_id"]), str(spawned["url"]))
        self._await_loaded(hive_url, found)
        return found

    def _follow_download(self, hive_url: str, download_id: str) -> None:
        for event in self.events(f"{hive_url}/v1/models/download/progress?id={download_id}", "HIVE_ERROR"):
            self._progress(event)
            if event.get("stage") == "error":
                code = str(event.get("code"))
                raise RbeeError(code if code in ERRORS else "HIVE_ERROR", str(event.get("message")), event.get("details"))

    def _await_loaded(self, hive_url: str, worker: FoundWorker) -> None:
        deadline = self._clock.now() + self._limits.ready
        due = self._clock.now()
        layers: dict[str, Any] = {}
        followed = False

        def follow(url: str) -> None:
            try:
                for event in self.events(url, None):
                    layers.update(event)
                    if event.get("stage") != "ready":
                        self._progress(event)
            except RbeeError:
                return  # no longer loading, or gone: the next probe shows which

        while True:
            self._check_cancelled()
            state = self._probe(hive_url, worker)
            if state.get("ready") is True:
                return
            url = state.get("progress_url")
            if isinstance(url, str) and not followed:
                followed = True
                self._in_background(follow, url)
            due = max(due + self._limits.ready_poll, self._clock.now())
            if due > deadline:
                seen = f"{layers.get('layers_loaded', 0)}/{layers.get('layers_total', '?')}"
                raise RbeeError(
                    "LOADING_TIMEOUT",
                    f"worker {worker.worker_id} is still {state.get('state', 'unreachable')} after {self._limits.ready:g} s, {seen} layers",
                    {
                        "worker_id": worker.worker_id,
                        "state": state.get("state"),
                        "layers_loaded": layers.get("layers_loaded"),
                        "layers_total": layers.get("layers_total"),
                        "limit_s": self._limits.ready,
                    },
                )
            self._clock.wait(self._cancelled, due, "ready-poll")

    def _probe(self, hive_url: str, worker: FoundWorker) -> dict[str, Any]:
        try:
            return self._http.call("GET", f"{worker.url}/v1/ready", limit=self._limits.ready_request, headers=self._headers).object()
        except HttpFailure:
            rows = self.object("GET", f"{hive_url}/v1/workers/list", limit=self._limits.hive).get("workers", [])
            if not any(worker.worker_id in (row.get("worker_id"), row.get("id")) for row in rows):
                raise RbeeError("WORKER_CRASHED", f"worker {worker.worker_id} is gone from the hive's list", {"worker_id": worker.worker_id}) from None
            return {}

    def events(self, url: str, broken: str | None) -> Iterator[dict[str, Any]]:
        """Events of a progress stream up to its end marker. A broken stream raises an error with the code `broken`, or just ends if that is None."""
        try:
            stream = self._http.open("GET", url, limit=self._limits.hive, headers=self._headers)
        except HttpFailure as error:
            self._check_cancelled()
            raise RbeeError("HIVE_ERROR", f"{url} sent no progress: {error}") from error
        parser = sse.Parser()
        try:
            if stream.status != 200:
                return
            with self._http.cutting(stream):
                for chunk in stream.chunks():
                    for event in parser.feed(chunk):
                        if event.is_done:
                            return
                        yield event.json() or {}
            self._check_cancelled()
            if broken:
                raise RbeeError(broken, "the progress stream ended without [DONE]")
        except NoAnswer as error:
            self._check_cancelled()
            if broken:
                raise RbeeError(broken, f"the progress broke: {error}") from error
        finally:
            stream.close()

    # --- inference (3.1, step 11) ---

    def infer(self, worker: FoundWorker, body: dict[str, Any]) -> Stream:
        """Sends an inference to a worker; returns its answer, with any status, when the headers have arrived."""
        return self.ask(f"{worker.url}/v1/inference", body, self._limits.inference)

    def ask(self, url: str, body: dict[str, Any], limit: float) -> Stream:
        """Sends an inference to a worker or a queen; returns the answer when its headers have arrived.

        Args:
            url: of the route.
            body: of the request, with `request_id`.
            limit: seconds for the headers.
        """
        headers = {**self._headers, "X-Request-Id": str(body["request_id"])}
        try:
            return self._connected(url, lambda: self._http.open("POST", url, body, limit=limit, connect_limit=self._limits.connect, headers=headers))
        except NoAnswer as error:
            self._check_cancelled()
            raise RbeeError("HIVE_ERROR", f"{urlsplit(url).netloc} did not answer the inference: {error}") from error

    # --- rules for every request (3.3) ---

    def object(self, method: str, url: str, body: Any = None, *, limit: float) -> dict[str, Any]:
        """Sends a request; returns the JSON object of a good answer, and raises the error for the user otherwise.

        Args:
            method: HTTP method.
            url: of the route.
            body: of the request; None for an empty one.
            limit: seconds for the answer.
        """
        try:
            answer = self._connected(url, lambda: self._http.call(method, url, body, limit=limit, connect_limit=self._limits.connect, headers=self._headers))
        except NoAnswer as error:
            self._check_cancelled()
            raise RbeeError("HIVE_ERROR", f"{method} {url} brought no answer: {error}") from error
        return checked_object(answer, f"{method} {urlsplit(url).path}")

    def _connected(self, url: str, send: Callable[[], Response]) -> Response:
        """Sends a request; repeats it only while no connection can be made."""
        target = urlsplit(url).netloc
        failure = ""
        pauses = self._limits.connect_pauses
        for attempt in attempts(self._clock, pauses, "connect-pause", self._cancelled):
            self._check_cancelled()
            try:
                return send()
            except NotConnected as error:
                failure = str(error)
                self._progress(
                    {
                        "stage": "connecting",
                        "target": target,
                        "attempt": attempt,
                        "max_attempts": len(pauses),
                        "delay_ms": round(pauses[attempt - 1] * 1000),
                        "timeout_s": self._limits.connect,
                    }
                )
        raise RbeeError("CONNECTION_TIMEOUT", f"{target} could not be reached, {len(pauses)} attempts failed: {failure}")

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise RbeeError(CANCELLED, "the request was cancelled")


def checked_object(answer: Answer, what: str) -> dict[str, Any]:
    """The JSON object of a good answer; any other answer raises the error that a client shows."""
    if not answer.ok:
        raise refusal(answer, what)
    try:
        body = answer.json()
    except ValueError as error:
        raise RbeeError("HIVE_ERROR", f"{what} answered broken JSON: {error}") from None
    if not isinstance(body, dict) or "error" in body:
        raise RbeeError("HIVE_ERROR", f"{what} answered {answer.status} with {'an error' if isinstance(body, dict) else 'JSON that is no object'}")
    return body


def refusal(answer: Answer, what: str) -> RbeeError:
    """The error that a client shows for an answer whose status is not 2xx."""
    body = answer.object()
    if envelope_error(body) is not None:
        return PassedOn(answer.status, body)
    text = body["message"] if isinstance(body.get("message"), str) else answer.body.decode("utf-8", "replace")[:500]
    return RbeeError("HIVE_ERROR", text or f"{what} answered {answer.status}", status=502 if answer.status == 404 else answer.status)


class PassedOn(RbeeError):
    """An error of another program, passed on with its envelope unchanged."""

    def __init__(self, status: int, body: dict[str, Any]):
        super().__init__("HIVE_ERROR", str(body["error"].get("message", "")), status=status)
        self._body = body

    def envelope(self) -> dict[str, Any]:
        return self._body


def _id_of(row: dict[str, Any]) -> str:
    return str(row.get("worker_id") or row.get("id"))


def best_row(rows: list[Any], wanted: Wanted) -> dict[str, Any] | None:
    """Chooses a worker: idle before loading before busy, first in list order; never a draining one."""
    fitting = [
        row
        for row in rows
        if isinstance(row, dict)
        and row.get("model_ref") == wanted.model
        and wanted.backend in (None, row.get("backend"))
        and wanted.device in (None, row.get("device"))
    ]
    for state in ("idle", "loading", "busy"):
        for row in fitting:
            if row.get("state") == state:
                return row
    return None
