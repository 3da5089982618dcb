"""fake-worker, mock-worker: stands in for `llm-worker-rbee` (contract 6)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

from ...clock.event import Event
from ...errors import BadModel
from ...faults.base import Cut, FaultContext, FaultSpec
from ...protocol import sse
from ...protocol.error_codes import RbeeError
from ...protocol.model.gguf import Model
from ...protocol.program_options import WorkerOptions
from ...protocol.schema.fields import read
from ...protocol.schema.messages import InferenceRequest, ReadyCallback, ShutdownRequest
from ...run import environment
from ...run.tcp_ports import closed, http_url
from ..runtime.entry_point import launch
from ..runtime.event_stream import Abort, Broadcast, EventStream
from ..runtime.formatting import iso_time
from ..runtime.http_app import Reply, Request
from ..runtime.program import exit_now
from ..runtime.service import Service
from .callbacks import Callbacks
from .model_file import read_model
from .orphan_listener import OrphanListenerHandle, leave_listener
from .scripted_answers import ScriptedAnswers
from .token_events import SHAPES, PlainEvents

_REMOVAL_LIMIT = 1.0
_RETRY_AFTER = "1"
"""Seconds; the first pause of rbee's own retries."""


class InferenceRun:
    """A running inference, which takes a slot until it is released."""

    def __init__(self, request_id: str, stream: EventStream):
        self.id = request_id
        self.stream = stream
        self.cancelled = False
        self.cut = False
        self.released = False

    def cancel(self) -> None:
        """Stops after the current token; the stream ends with its end marker."""
        self.cancelled = True
        self.stream.wake.set()

    def stop(self) -> None:
        """Breaks the connection off without an end marker."""
        self.cut = True
        self.stream.wake.set()


class Worker(Service):
    """A worker: loads its model, takes requests into slots, streams tokens, and drains before it ends."""

    def __init__(self, options: WorkerOptions, listener: socket.socket | None):
        self.options: WorkerOptions  # set by the base class
        os.environ.setdefault(environment.NAME, options.worker_id)
        self._called_back = False
        self._model: Model | None = None
        self._orphan_listener: OrphanListenerHandle | None = None
        self._answers = ScriptedAnswers(options)
        super().__init__("fake-worker", options, listener, "worker")
        self._slots = threading.Lock()
        self._running: dict[str, InferenceRun] = {}
        self._layers = 0 if options.load_time else options.layers
        self._loading = Broadcast()
        self._last_activity = self.clock.wall()
        self._callbacks = Callbacks(self, options, self._ready_callback)
        self.route("GET", "/v1/health", self.health, at_once=True)
        self.route("GET", "/v1/ready", self.ready, at_once=True)
        self.route("GET", "/v1/status", self.status, at_once=True)
        self.route("GET", "/v1/loading/progress", self.loading_progress)
        self.route("POST", "/v1/inference", self.inference)
        self.route("DELETE", "/v1/inference/{request_id}", self.cancel)
        self.route("POST", "/v1/admin/shutdown", self.shutdown)

    @property
    def url(self) -> str:
        return http_url(self.options.advertise_host, self.port)

    # --- start (6.3) ---

    def prepare(self) -> None:
        self._never_ready = self.faults.find("never-ready") is not None
        self.set_state("loading" if self.options.load_time or self._never_ready else "idle")
        if self.options.model:
            try:
                self._model = read_model(self.options.model)
            except BadModel as error:
                self.log(str(error))
                if self.faults.find("skip-model-check") is None:
                    exit_now(1)
        for kind in ("exit", "kill-at-start"):
            if (spec := self.faults.find(kind)) is not None:
                if spec.delay is None:
                    self._end_by_fault(spec)
                self.clock.call_at(self.clock.now() + (spec.delay or 0), partial(self._end_by_fault, spec), kind)
        if self.faults.find("leave-listener") is not None:
            self._orphan_listener = leave_listener(self.listener, self.name)
        if not self._never_ready and self._callbacks.targets and self.faults.find("early-callback") is not None:
            self.listener = closed(self.listener)
            for callback in self._callbacks.announce_ready():
                callback.join()
            self._called_back = True
            self.listener.listen()
        if self.control is not None:
            self.control.on("set-answer", lambda order: self._answers.put_first(order["prompt"], order["text"]))

    def _end_by_fault(self, spec: FaultSpec) -> None:
        self.log(f"ending because of the fault {spec.kind}")
        if spec.kind == "exit":
            exit_now(spec.status if spec.status is not None else 1)
        os.kill(os.getpid(), signal.SIGKILL)

    def started(self) -> None:
        if self._never_ready:
            return
        if self.options.load_time:
            self.spawn(self._load, name="load")
        else:
            self._loading.publish({"stage": "ready"})
            self._loading.end()
        self._last_activity = self.clock.wall()
        if not self._called_back:
            self.spawn(self._callbacks.announce_ready, name="callback")
        if self.options.hive_heartbeat and self.options.callback_url:
            self.every(self.options.hive_heartbeat, self._callbacks.hive_heartbeat, "hive-heartbeat", at_once=True)

    def _load(self) -> None:
        start = self.clock.now()
        for layer in range(1, self.options.layers + 1):
            self.clock.wait(None, start + self.options.load_time * layer / self.options.layers, "load")
            with self._slots:
                self._layers = layer
            context = FaultContext(layer=layer)
            if (ending := self.faults.find("exit", context) or self.faults.find("kill", context)) is not None:
                self._end_by_fault(ending)
            stuck = self.faults.find("stick", context) is not None
            if stuck or layer % self.options.layer_step == 0 and layer < self.options.layers:
                self._loading.publish({"stage": "loading_to_vram", "layers_loaded": layer, "layers_total": self.options.layers, "vram_mb": self._vram()})
            if stuck:
                return
        with self._slots:
            if self.state == "loading":
                self.set_state("idle")
        self._loading.publish({"stage": "ready"})
        self._loading.end()
        self.spawn(self._callbacks.announce_ready, name="callback")

    def _vram(self) -> int:
        if self._model is not None and self._layers == self.options.layers:
            return self._model.size_bytes // 1048576
        return self._layers * 512 // 3

    # --- state (6.2) ---

    def health(self, request: Request) -> dict[str, Any]:
        """GET /v1/health."""
        return {"status": "healthy", "state": self.state}

    def ready(self, request: Request) -> dict[str, Any]:
        """GET /v1/ready."""
        if self.state == "loading" and self.faults.find("premature-ready") is None:
            return {"ready": False, "state": "loading", "progress_url": f"{self.url}/v1/loading/progress"}
        if self.state == "draining":
            return {"ready": False, "state": "draining"}
        return {"ready": True, "state": "idle" if self.state == "loading" else self.state, "model_loaded": True}

    def status(self, request: Request) -> dict[str, Any]:
        """GET /v1/status."""
        options = self.options
        with self._slots:
            return {
                "worker_id": options.worker_id,
                "pid": os.getpid(),
                "url": self.url,
                "state": self.state,
                "model_ref": options.model_ref,
                "model_path": options.model,
                "backend": options.backend,
                "device": options.device,
                "slots_total": options.slots,
                "slots_available": self._available(),
                "last_activity": iso_time(self._last_activity),
                "requests": list(self._running),
                "layers_loaded": self._layers,
                "layers_total": options.layers,
                "vram_mb": self._vram(),
                "gguf": vars(self._model) if self._model else None,
            }

    def loading_progress(self, request: Request) -> Reply:
        """GET /v1/loading/progress: an event for each step of loaded layers."""
        return Reply(200, request.stream.carries(self._loading.read(request.stream)))

    def _ready_callback(self) -> ReadyCallback:
        # The state right after loading (6.4). A request that came before the callback must not show here: the queen would list the worker as busy for ever.
        options = self.options
        state, available = ("loading", 0) if self.state == "loading" else ("idle", options.slots)
        return ReadyCallback(options.worker_id, self.url, options.model_ref, state, options.backend, options.device, options.slots, available)

    # --- slots (6.5) ---

    def _available(self) -> int:
        return 0 if self.state == "loading" else max(0, self.options.slots - len(self._running))

    def _take_slot(self, request_id: str, stream: EventStream) -> InferenceRun:
        with self._slots:
            if self.state in ("loading", "starting") or (self.state == "draining" and self.faults.find("accept-while-draining") is None):
                raise RbeeError("WORKER_NOT_READY", f"the worker is {self.state}", {"state": self.state})
            if request_id in self._running:
                raise RbeeError("INVALID_REQUEST", f"request {request_id} is already running")
            if len(self._running) >= self.options.slots and self.faults.find("overbook") is None:
                fields = {"slots_total": self.options.slots, "slots_busy": len(self._running)}
                raise RbeeError("ALL_SLOTS_BUSY", f"all {self.options.slots} slots are busy", fields=fields, headers={"Retry-After": _RETRY_AFTER})
            inference = InferenceRun(request_id, stream)
            self._running[request_id] = inference
            self.journal.record("inference_started", request_id=request_id, slots=self.options.slots)
            self._note_activity()
            return inference

    def _free_slot(self, inference: InferenceRun) -> None:
        with self._slots:
            if inference.released:
                return
            inference.released = True
            del self._running[inference.id]
            self.journal.record("inference_ended", request_id=inference.id)
            self._note_activity()

    def _note_activity(self) -> None:
        self._last_activity = self.clock.wall()
        if self.state in ("idle", "busy"):
            self.set_state("idle" if self._available() else "busy")

    # --- inference (6.5, 12) ---

    def inference(self, request: Request) -> Reply:
        """POST /v1/inference."""
        inference_request = read(InferenceRequest, request.body)
        request_id = inference_request.request_id or f"req-{uuid.uuid4().hex[:12]}"
        request.recorder.request_id = request_id
        inference = self._take_slot(request_id, request.stream)
        request.stream.on_close(lambda: self._end(inference))
        events = SHAPES[self.options.event_shape](inference.id, self.options.model_ref, self.clock)
        return Reply(200, request.stream.carries(self._stream(inference_request, inference, events)), {"X-Request-Id": request_id})

    def _end(self, inference: InferenceRun) -> None:
        if inference.stream.client_gone and not inference.released:
            self.journal.record("client_gone", request_id=inference.id)
            self.log(f"client of {inference.id} is gone")
        self._free_slot(inference)

    def _stream(self, inference_request: InferenceRequest, inference: InferenceRun, events: PlainEvents) -> Iterator[bytes]:
        stream, delay = inference.stream, self.options.token_delay
        due = self.clock.now() + self.options.first_token_delay
        if self.options.first_token_delay:
            yield sse.COMMENT  # sends status and id to the client at once
        yield from events.start()
        count, text, stop_reason = 0, "", "MAX_TOKENS"
        journal = self.journal.series("token", request_id=inference.id)
        for token in self._answers.tokens(inference_request):
            if self._answers.ends_at(count, self._model):
                stop_reason = "EOS"
                break
            if due > self.clock.now():
                yield from stream.pause(due, "token")
            if stream.client_gone or inference.cancelled or inference.cut:
                break
            journal(count)
            yield events.token(token, count)
            count, text = count + 1, text + token
            if (stop := next((stop for stop in inference_request.stop if stop in text), None)) is not None:
                stop_reason = "STOP_SEQUENCE"
                events.matched = stop
                break
            due += delay
        if stream.client_gone:
            return
        if inference.cut:
            self.journal.record("cut", request_id=inference.id)
            raise Abort
        if inference.cancelled:
            stop_reason = "CANCELLED"
            self.journal.record("cancelled", request_id=inference.id, index=count)
        yield from events.end(count, stop_reason)
        self._free_slot(inference)
        yield sse.DONE

    def cancel(self, request: Request, request_id: str) -> Reply:
        """DELETE /v1/inference/<request_id>: 204, also for repeated requests and unknown ids."""
        with self._slots:
            inference = self._running.get(request_id)
        if inference is not None:
            inference.cancel()
            self._free_slot(inference)
        return Reply(204)

    # --- end (6.8) ---

    def shutdown(self, request: Request) -> Reply:
        """POST /v1/admin/shutdown."""
        shutdown_request = read(ShutdownRequest, request.body)
        if self.faults.find("silent-shutdown") is not None:
            self.clock.wait(request.stream.wake, None)
            raise Cut
        if self.faults.find("ignore-shutdown") is not None:
            return Reply(202, {"success": True, "message": "worker is shutting down", "state": "draining"})
        with self._slots:
            self.set_state("draining")
        if shutdown_request.timeout_seconds is not None:
            self.options.drain = type(self.options.drain)(min(self.options.drain, shutdown_request.timeout_seconds))
        request.stream.on_close(lambda: self.request_shutdown("shutdown request") if shutdown_request.graceful else exit_now(0))
        accepted = sse.compact({"success": True, "message": "worker is shutting down", "state": "draining"}).encode()
        return Reply(202, request.stream.carries(iter((accepted,))), {"Content-Type": "application/json", "Content-Length": str(len(accepted))})

    def stop_taking_work(self) -> bool:
        with self._slots:
            super().stop_taking_work()
            return bool(self._running or self.options.queen_url)

    def drain(self) -> None:
        with self._slots:
            running = list(self._running.values())
        if running:
            drained = Event()
            for inference in running:
                inference.stream.on_close(lambda: self._drained(drained))
            self._drained(drained)
            if not self.clock.wait(drained, self.clock.now() + self.options.drain, "drain"):
                self.log(f"{len(running)} requests are cut after {self.options.drain}")
                for inference in running:
                    inference.stop()
        self._loading.end()
        if self._orphan_listener is not None:
            self._orphan_listener.release()
        self.journal.record("model_unloaded", model_ref=self.options.model_ref)
        self.log("model unloaded")
        if self.options.queen_url:
            self._callbacks.post(
                f"{self.options.queen_url.rstrip('/')}/v2/workers/removed",
                {"worker_id": self.options.worker_id, "reason": "shutdown", "pid": os.getpid()},
                _REMOVAL_LIMIT,
            )

    def _drained(self, drained: Event) -> None:
        with self._slots:
            if not self._running:
                drained.set()


def main(argv: list[str] | None = None, listener: socket.socket | None = None) -> int:
    """The program `fake-worker`, `mock-worker`."""
    launch(Worker, WorkerOptions, "fake-worker", argv, listener, title="mock-worker")


if __name__ == "__main__":
    main()
