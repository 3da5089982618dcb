"""The client that queen and keeper share, with a scripted fleet: each request whole, in order, and the error for every bad answer."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.clock.event import Event
from RbeeLibrary.errors import NoAnswer, NotConnected
from RbeeLibrary.fakes.rbee_client import FoundWorker, Limits, RbeeClient, Wanted
from RbeeLibrary.net.http_client import Answer
from RbeeLibrary.protocol.error_codes import RbeeError

HIVE, WORKER = "http://127.0.0.1:9200", "http://127.0.0.1:8001"
LIST, HEALTH, DOWNLOAD, SPAWN = "GET /v1/workers/list", "GET /v1/health", "POST /v1/models/download", "POST /v1/workers/spawn"
PROGRESS, READY, LOADING = "GET /v1/models/download/progress?id=d-1", "GET /v1/ready", "GET /v1/loading/progress"
IDLE = {"worker_id": "w", "state": "idle", "model_ref": "m", "url": WORKER, "backend": "cpu", "device": 0}
COLD = {
    LIST: {"workers": []},
    HEALTH: {"status": "ok", "version": "0.1.0"},
    DOWNLOAD: {"download_id": "cached", "local_path": "/models/m.gguf"},
    SPAWN: {"worker_id": "w-new", "url": WORKER},
    READY: {"ready": True, "state": "idle"},
}
LIMITS = Limits(connect=1, connect_pauses=[0.0, 0.01, 0.02], hive=2, spawn=3, ready_poll=0.01, ready_request=4, ready=30, inference=5)


class Fleet:
    """Answers each request as scripted: an object, (status, object), bytes, an exception, or a list of these, one for each request.

    Attributes:
        asked: method, path and body of each request.
        limits: path -> limit of the last request.
        progress: events for the user.
    """

    def __init__(self, answers: dict[str, Any], limits: Limits = LIMITS, **options: Any):
        self._answers = {request: list(answer) if isinstance(answer, list) else answer for request, answer in answers.items()}
        self.asked: list[tuple[str, Any]] = []
        self.limits: dict[str, tuple[float, float | None]] = {}
        self.headers: list[dict[str, str]] = []
        self.progress: list[dict[str, Any]] = []
        headers = {"Authorization": "Bearer key"}
        self.client = RbeeClient(self, self._at_once, Clock(None), limits, headers, progress=self.progress.append, **options)

    def cancelled_by(self, cancelled: Event) -> Fleet:
        return self

    def cutting(self, stream: Any) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def call(self, method: str, url: str, body: Any = None, *, limit: float, connect_limit: float | None = None, headers: dict[str, str]) -> Answer:
        status, content = self._answer(method, url, body, limit, connect_limit, headers)
        return Answer(status, {}, content)

    def open(self, method: str, url: str, body: Any = None, *, limit: float, connect_limit: float | None = None, headers: dict[str, str]) -> Any:
        status, content = self._answer(method, url, body, limit, connect_limit, headers)
        return SimpleNamespace(status=status, chunks=lambda: iter([content]), read_all=lambda: Answer(status, {}, content), close=lambda: None)

    def _answer(self, method: str, url: str, body: Any, limit: float, connect_limit: float | None, headers: dict[str, str]) -> tuple[int, bytes]:
        request = f"{method} {url.removeprefix(HIVE).removeprefix(WORKER)}"
        self.asked.append((request, body))
        self.limits[request] = (limit, connect_limit)
        self.headers.append(headers)
        answer = self._answers[request]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return status, content if isinstance(content, bytes) else json.dumps(content).encode()

    def _at_once(self, work: Any, *args: Any) -> None:
        work(*args)

    def requests(self) -> list[str]:
        return [request for request, _ in self.asked]


def events(*several: dict[str, Any], end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(one)}\n\n" for one in several) + end).encode()


def error(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **({"details": details} if details else {})}}


def refused(fleet: Fleet) -> RbeeError:
    with pytest.raises(RbeeError) as caught:
        fleet.client.find_worker(HIVE, Wanted("m"))
    return caught.value


def test_idle_worker_is_found_with_one_request():
    fleet = Fleet({LIST: {"workers": [IDLE]}})
    assert fleet.client.find_worker(HIVE, Wanted("m")) == FoundWorker("w", WORKER)
    assert fleet.asked == [(LIST, None)]
    assert fleet.limits == {LIST: (2, 1)}
    assert fleet.headers == [{"Authorization": "Bearer key"}]


def test_worker_that_may_not_be_used_is_passed_over():
    fleet = Fleet({LIST: {"workers": [IDLE, {**IDLE, "worker_id": None, "id": "w-2"}]}})
    assert fleet.client.find_worker(HIVE, Wanted("m"), lambda name: name != "w").worker_id == "w-2"


def test_loading_worker_is_waited_for():
    loading = {"ready": False, "state": "loading", "progress_url": f"{WORKER}/v1/loading/progress"}
    layers = {"stage": "loading_to_vram", "layers_loaded": 1, "layers_total": 2}
    fleet = Fleet({LIST: {"workers": [{**IDLE, "state": "loading"}]}, READY: [loading, loading, {"ready": True}], LOADING: events(layers, {"stage": "ready"})})
    assert fleet.client.find_worker(HIVE, Wanted("m")) == FoundWorker("w", WORKER)
    assert fleet.requests() == [LIST, READY, LOADING, READY, READY]
    assert fleet.progress == [layers]
    assert fleet.limits[READY] == (4, None)


def test_cold_start_asks_health_model_and_worker():
    fleet = Fleet(COLD)
    assert fleet.client.find_worker(HIVE, Wanted("m", "cuda", 1)) == FoundWorker("w-new", WORKER)
    assert fleet.asked == [
        (LIST, None),
        (HEALTH, None),
        (DOWNLOAD, {"model_ref": "m"}),
        (SPAWN, {"model_ref": "m", "backend": "cuda", "device": 1, "model_path": "/models/m.gguf"}),
        (READY, None),
    ]
    assert (fleet.limits[SPAWN], fleet.limits[DOWNLOAD], fleet.limits[HEALTH]) == ((3, 1), (2, 1), (2, 1))


def test_backend_and_device_have_defaults():
    fleet = Fleet({**COLD, DOWNLOAD: {"download_id": "cached"}})
    fleet.client.find_worker(HIVE, Wanted("m"))
    assert fleet.asked[3] == (SPAWN, {"model_ref": "m", "backend": "cpu", "device": 0, "model_path": ""})


def test_progress_of_a_download_is_passed_on():
    steps = [{"stage": "downloading", "bytes_downloaded": 1}, {"stage": "complete"}]
    fleet = Fleet({**COLD, DOWNLOAD: {"download_id": "d-1"}, PROGRESS: events(*steps)})
    fleet.client.find_worker(HIVE, Wanted("m"))
    assert fleet.progress == steps
    assert fleet.requests() == [LIST, HEALTH, DOWNLOAD, PROGRESS, SPAWN, READY]


@pytest.mark.parametrize(
    ("stream", "code", "message", "details"),
    [
        (events({"stage": "error", "code": "DOWNLOAD_FAILED", "message": "no room", "details": {"free": 1}}), "DOWNLOAD_FAILED", "no room", {"free": 1}),
        (events({"stage": "error", "code": "NEWS", "message": "odd"}), "HIVE_ERROR", "odd", None),
        (events({"stage": "downloading"}, end=""), "HIVE_ERROR", "the progress stream ended without [DONE]", None),
        (NoAnswer("reset"), "HIVE_ERROR", f"{HIVE}/v1/models/download/progress?id=d-1 sent no progress: reset", None),
    ],
)
def test_download_that_fails_is_explained(stream, code, message, details):
    fleet = Fleet({**COLD, DOWNLOAD: {"download_id": "d-1"}, PROGRESS: stream})
    caught = refused(fleet)
    assert (caught.code, caught.message, caught.details) == (code, message, details)
    assert SPAWN not in fleet.requests()


def test_hive_of_another_version_is_not_used():
    fleet = Fleet({**COLD, HEALTH: {"version": "0.2.0"}})
    caught = refused(fleet)
    assert (caught.code, caught.message) == ("VERSION_MISMATCH", "keeper is v0.1.0, hive is v0.2.0: both must be the same")
    assert caught.details == {"keeper_version": "0.1.0", "hive_version": "0.2.0"}
    assert fleet.requests() == [LIST, HEALTH]


@pytest.mark.parametrize(
    ("answers", "code", "message"),
    [
        ({LIST: {"models": []}}, "HIVE_ERROR", "the hive's list has no field workers"),
        ({LIST: [NoAnswer("silence")]}, "HIVE_ERROR", f"{LIST.replace('/v1', f'{HIVE}/v1')} brought no answer: silence"),
        ({LIST: b"<html>"}, "HIVE_ERROR", "GET /v1/workers/list answered broken JSON: Expecting value: line 1 column 1 (char 0)"),
        ({LIST: (200, error("X", "y"))}, "HIVE_ERROR", "GET /v1/workers/list answered 200 with an error"),
        ({LIST: b"[]"}, "HIVE_ERROR", "GET /v1/workers/list answered 200 with JSON that is no object"),
        ({LIST: (503, b"busy, come back")}, "HIVE_ERROR", "busy, come back"),
        ({LIST: (503, {"message": "in words"})}, "HIVE_ERROR", "in words"),
        ({LIST: (503, b"")}, "HIVE_ERROR", "GET /v1/workers/list answered 503"),
        ({SPAWN: {"url": WORKER}}, "HIVE_ERROR", "the hive's answer to spawn lacks worker_id or url"),
        ({SPAWN: {"worker_id": "w"}}, "HIVE_ERROR", "the hive's answer to spawn lacks worker_id or url"),
    ],
)
def test_bad_answer_is_an_error_of_the_hive(answers, code, message):
    caught = refused(Fleet({**COLD, **answers}))
    assert (caught.code, caught.message) == (code, message)


@pytest.mark.parametrize(("status", "shown"), [(404, 502), (503, 503), (500, 500)])
def test_status_of_a_hive_is_kept_but_404_is_no_answer_about_the_task(status, shown):
    assert refused(Fleet({LIST: (status, b"no")})).status == shown


def test_error_with_an_envelope_is_passed_on_unchanged():
    envelope = error("PORT_IN_USE", "8001 is taken", port=8001)
    caught = refused(Fleet({**COLD, SPAWN: (409, envelope)}))
    assert (caught.status, caught.envelope(), caught.message) == (409, envelope, "8001 is taken")


def test_worker_that_never_becomes_ready_is_given_up_with_its_layers():
    loading = {"ready": False, "state": "loading", "progress_url": f"{WORKER}/v1/loading/progress"}
    layers = events({"stage": "loading_to_vram", "layers_loaded": 7, "layers_total": 32}, end="")
    fleet = Fleet({**COLD, READY: loading, LOADING: layers}, replace(LIMITS, ready=0.1))
    caught = refused(fleet)
    assert (caught.code, caught.message) == ("LOADING_TIMEOUT", "worker w-new is still loading after 0.1 s, 7/32 layers")
    assert caught.details == {"worker_id": "w-new", "state": "loading", "layers_loaded": 7, "layers_total": 32, "limit_s": 0.1}
    assert fleet.requests().count(LOADING) == 1


def test_worker_that_does_not_answer_is_looked_for_in_the_list():
    gone = Fleet({**COLD, READY: NotConnected("refused")})
    assert (refused(gone).code, refused(gone).message) == ("WORKER_CRASHED", "worker w-new is gone from the hive's list")
    for name in ("worker_id", "id"):
        slow = Fleet({**COLD, LIST: [{"workers": []}, {"workers": [{name: "w-new"}]}], READY: [NoAnswer("late"), {"ready": True}]})
        assert slow.client.find_worker(HIVE, Wanted("m")).worker_id == "w-new"


def test_only_a_connection_that_was_not_made_is_tried_again():
    fleet = Fleet({LIST: [NotConnected("refused"), NotConnected("refused"), {"workers": [IDLE]}]})
    assert fleet.client.find_worker(HIVE, Wanted("m")).worker_id == "w"
    common = {"stage": "connecting", "target": "127.0.0.1:9200", "max_attempts": 3, "timeout_s": 1}
    assert fleet.progress == [{**common, "attempt": 1, "delay_ms": 0}, {**common, "attempt": 2, "delay_ms": 10}]
    never = Fleet({LIST: NotConnected("refused")})
    caught = refused(never)
    assert (caught.code, caught.message) == ("CONNECTION_TIMEOUT", "127.0.0.1:9200 could not be reached, 3 attempts failed: refused")
    assert never.requests() == [LIST] * 3
    late = Fleet({LIST: NoAnswer("late")})
    assert refused(late).code == "HIVE_ERROR"
    assert late.requests() == [LIST]


def test_inference_is_sent_with_its_request_id():
    fleet = Fleet({"POST /v1/inference": (503, b"busy")})
    stream = fleet.client.infer(FoundWorker("w", WORKER), {"request_id": "req-1", "prompt": "x"})
    assert stream.status == 503
    assert fleet.asked == [("POST /v1/inference", {"request_id": "req-1", "prompt": "x"})]
    assert fleet.headers == [{"Authorization": "Bearer key", "X-Request-Id": "req-1"}]
    assert fleet.limits == {"POST /v1/inference": (5, 1)}


def test_inference_without_an_answer_is_an_error_of_the_hive():
    with pytest.raises(RbeeError, match=r"^127\.0\.0\.1:8001 did not answer the inference: silence$"):
        Fleet({"POST /v1/inference": NoAnswer("silence")}).client.infer(FoundWorker("w", WORKER), {"request_id": "r"})


@pytest.mark.parametrize("answers", [COLD, {**COLD, LIST: NoAnswer("cut")}])
def test_cancelled_request_ends_as_cancelled(answers):
    cancelled = Event()
    cancelled.set()
    caught = refused(Fleet(answers, cancelled=cancelled))
    assert caught.code == "REQUEST_CANCELED"
