"""Each rule of a fleet: the smallest history that breaks it, whole as it is shown, and the neighbours that do not."""

from __future__ import annotations

from typing import Any

import pytest

from RbeeLibrary.report.history import History
from RbeeLibrary.report.rules.fleet_rules import misbehaviour

MS = 1_000_000
LIBRARY, QUEEN, HIVE, WORKER, OTHER = 1, 10, 20, 30, 31
NAMES = {LIBRARY: "library", QUEEN: "queen", HIVE: "hive", WORKER: "worker-1", OTHER: "worker-2"}
Record = dict[str, Any]


def record(pid: int, at: float, what: str, /, **more: Any) -> Record:
    name = NAMES[pid]
    return {"ns": int(at * MS), "pid": pid, "record": what, "program": f"fake-{name.partition('-')[0]}", "name": name, **more}


def asked(pid: int, n: int, at: float, request: str, *, status: int = 200, until: float | None = None, ends: int = 1, **more: Any) -> list[Record]:
    """A request with its answer, and the end of the answer if there is one."""
    method, _, path = request.partition(" ")
    of_answer = {name: more.pop(name) for name in ("request_id", "retry_after") if name in more}
    of_end = {"gone": more.pop("gone")} if "gone" in more else {}
    arrival = record(pid, at, "request_in", n=n, method=method, path=path, start=at / 1000, **{"caller": "fake-queen/0.1.0", "body": {}, **more})
    answered = record(pid, at + 1, "answered", n=n, status=status, **of_answer)
    return [arrival, answered, *([record(pid, until, "request_end", n=n, ends=ends, **of_end)] if until else [])]


def inference(n: int, at: float, *, pid: int = WORKER, request_id: str = "req-1", **more: Any) -> list[Record]:
    return asked(pid, n, at, "POST /v1/inference", request_id=request_id, **more)


def told(pid: int, at: float, request: str, **more: Any) -> Record:
    method, _, path = request.partition(" ")
    return record(pid, at, "request_out", n=900 + int(at), method=method, path=path, **more)


def exited(by: int, at: float, child: int, **more: Any) -> Record:
    named = {"worker_id": NAMES[child]} if child in (WORKER, OTHER) else {"role": NAMES[child]}
    return record(by, at, "process_exited", child=child, **{"exit_code": 0, **named, **more})


def killed(at: float, pid: int, signal: str = "SIGKILL") -> Record:
    return record(LIBRARY, at, "signal_sent", to=NAMES[pid], to_pid=pid, signal=signal)


LOADING = record(WORKER, 5, "state", to="loading")
DRAINING = record(WORKER, 5, "state", to="draining")
READY = told(WORKER, 10, "POST /v1/workers/ready")
ORDER = told(QUEEN, 10, "POST /v1/admin/shutdown", target="127.0.0.1:9200")
HIVE_BOUND = record(HIVE, 1, "bound", port=9200)
QUEEN_ENDED = exited(LIBRARY, 20, QUEEN)
SSH = record(QUEEN, 10, "ssh", argv=["ssh", "node", "kill -TERM 20"])
STARTED = record(HIVE, 5, "process_started", worker_id="worker-1", child=WORKER)
HIVE_ENDED = exited(LIBRARY, 30, HIVE)
HIVE_DONE = record(HIVE, 25, "shutdown_finished", total=1)
TASK = asked(QUEEN, 1, 8, "POST /v2/tasks", request_id="req-1", until=40, caller="x")
CANCEL = asked(QUEEN, 2, 20, "DELETE /v2/tasks/req-1", caller="x")
REFUSED = inference(1, 10, status=503, retry_after=1, body={"request_id": "req-1"})
SPAWN = "POST /v1/workers/spawn"

BROKEN = {
    "routed before ready": ([LOADING, *inference(1, 10, until=12)], "fake-queen/0.1.0 sent an inference to worker-1 while it was loading"),
    "routed before ready, starting": (
        [record(WORKER, 5, "state", to="starting"), *inference(1, 10, until=12)],
        "fake-queen/0.1.0 sent an inference to worker-1 while it was starting",
    ),
    "callback before listening": ([READY, record(WORKER, 11, "bound", port=8001)], "worker-1 said that it is ready before its port accepted"),
    "callback before listening, never bound": ([READY], "worker-1 said that it is ready before its port accepted"),
    "too many in flight": (
        [record(WORKER, at, "inference_started", request_id=f"req-{at}", slots=1) for at in (10, 11)],
        "worker-1 has 1 slots and runs 2 requests",
    ),
    "too many in flight, the other one ended": (
        [
            record(WORKER, 10, "inference_started", request_id="a", slots=2),
            record(WORKER, 11, "inference_started", request_id="b", slots=2),
            record(WORKER, 12, "inference_ended", request_id="a"),
            record(WORKER, 13, "inference_started", request_id="c", slots=2),
            record(WORKER, 14, "inference_started", request_id="d", slots=2),
        ],
        "worker-1 has 2 slots and runs 3 requests",
    ),
    "request while draining": ([DRAINING, *inference(1, 10, until=12)], "worker-1 took a request after its draining began"),
    "request while draining, a spawn": (
        [record(HIVE, 5, "shutdown_started"), *asked(HIVE, 1, 10, SPAWN, status=299)],
        "hive started a worker after its draining began",
    ),
    "request while draining, a spawn with the usual status": (
        [record(HIVE, 5, "shutdown_started"), *asked(HIVE, 1, 10, SPAWN, status=200)],
        "hive started a worker after its draining began",
    ),
    "stream end, two": (inference(1, 10, until=12, ends=2), "the stream of req-1 from worker-1 has 2 end markers"),
    "stream end, none": (inference(1, 10, until=12, ends=0), "the stream of req-1 from worker-1 has no end marker"),
    "stream end, a fault": (
        [*inference(1, 10), record(WORKER, 12, "fault", kind="kill"), exited(HIVE, 13, WORKER, signal=9)],
        "worker-1 ended in the middle of the stream of req-1",
    ),
    "stream end, an error of its own": ([*inference(1, 10), exited(HIVE, 13, WORKER, exit_code=1)], "worker-1 ended in the middle of the stream of req-1"),
    "truncated as complete": (
        [*TASK, *inference(1, 10, until=12, ends=0), record(WORKER, 12, "cut", request_id="req-1")],
        "queen passed the truncated stream of req-1 on as complete",
    ),
    "truncated as complete, the worker was killed": (
        [*TASK, *inference(1, 10), killed(11, WORKER), exited(HIVE, 12, WORKER, signal=9)],
        "queen passed the truncated stream of req-1 on as complete",
    ),
    "truncated as complete, the second attempt": (
        [*TASK, *inference(1, 10, until=12), *inference(1, 20, pid=OTHER, until=22, ends=0), record(OTHER, 22, "cut", request_id="req-1")],
        "queen passed the truncated stream of req-1 on as complete",
    ),
    "cascade order": ([HIVE_BOUND, ORDER, QUEEN_ENDED, HIVE_DONE], "queen ended before hive, which it had told to end"),
    "cascade order, the hive never ended": ([HIVE_BOUND, ORDER, QUEEN_ENDED], "queen ended before hive, which it had told to end"),
    "cascade order, by ssh": ([SSH, QUEEN_ENDED], "queen ended before process 20, which it had told to end"),
    "outlived its hive": ([STARTED, HIVE_ENDED], "worker-1 was alive when hive had ended gracefully"),
    "outlived its hive, another worker did not": (
        [STARTED, record(HIVE, 6, "process_started", worker_id="worker-2", child=OTHER), exited(HIVE, 20, OTHER), HIVE_ENDED],
        "worker-1 was alive when hive had ended gracefully",
    ),
    "cancel not passed on": ([*TASK, *inference(1, 10, until=35), *CANCEL], "queen took the cancellation of req-1 and did not pass it on to worker-1"),
    "cancel not passed on, answered without content": (
        [*TASK, *inference(1, 10, until=35), *asked(QUEEN, 2, 20, "DELETE /v2/tasks/req-1", status=204)],
        "queen took the cancellation of req-1 and did not pass it on to worker-1",
    ),
    "retried too soon": (
        [*REFUSED, *inference(2, 900, body={"request_id": "req-1"}, until=902)],
        "fake-queen/0.1.0 asked worker-1 again after 0.9 s, it was told 1 s",
    ),
}

KEPT = {
    "the worker was idle": [LOADING, record(WORKER, 9, "state", to="idle"), *inference(1, 10, until=12)],
    "the worker was loading later": [*inference(1, 1, until=2), LOADING],
    "the test asked a loading worker itself": [LOADING, *inference(1, 10, until=12, caller="RbeeLibrary")],
    "a callback after the port": [record(WORKER, 9, "bound", port=8001), READY, told(WORKER, 11, "POST /v2/workers/ready")],
    "another request before the port": [told(WORKER, 3, "POST /v1/heartbeat"), record(WORKER, 9, "bound", port=8001)],
    "one after the other": [
        record(WORKER, 10, "inference_started", request_id="a", slots=1),
        record(WORKER, 11, "inference_ended", request_id="a"),
        record(WORKER, 12, "inference_started", request_id="b", slots=1),
    ],
    "each at a worker of its own": [record(pid, 10, "inference_started", request_id=str(pid), slots=1) for pid in (WORKER, OTHER)],
    "a request that came before draining": [*inference(1, 4, until=12), DRAINING],
    "a request that a draining worker refused": [DRAINING, *inference(1, 10, status=503, until=12)],
    "draining of another worker": [record(OTHER, 5, "state", to="draining"), *inference(1, 10, until=12)],
    "a spawn that a draining hive refused": [record(HIVE, 5, "shutdown_started"), *asked(HIVE, 1, 10, SPAWN, status=300)],
    "a spawn before draining": [*asked(HIVE, 1, 4, SPAWN), record(HIVE, 5, "shutdown_started")],
    "a stream that was cut by a fault": [*inference(1, 10, until=12, ends=0), record(WORKER, 12, "cut", request_id="req-1")],
    "a stream whose client has left": inference(1, 10, until=12, ends=0, gone=True),
    "a refusal without a stream": inference(1, 10, status=400, until=12, ends=0),
    "a stream that goes on": inference(1, 10),
    "a stream of a worker that the test killed": [*inference(1, 10), killed(11, WORKER), exited(HIVE, 12, WORKER, signal=9)],
    "a stream of a worker that was told to end": [*inference(1, 10), exited(HIVE, 12, WORKER)],
    "a whole stream passed on": [*TASK, *inference(1, 10, until=12)],
    "a truncated stream before the task": [*inference(1, 2, until=4, ends=0), record(WORKER, 4, "cut", request_id="req-1"), *TASK],
    "a truncated stream of another task": [*TASK, *inference(1, 10, request_id="req-9", until=12, ends=0), record(WORKER, 12, "cut", request_id="req-9")],
    "a task that ended without an end marker": [
        *asked(QUEEN, 1, 8, "POST /v2/tasks", request_id="req-1", until=40, ends=0),
        *inference(1, 10, until=12, ends=0),
        record(WORKER, 12, "cut", request_id="req-1"),
    ],
    "the hive ended first": [HIVE_BOUND, ORDER, record(HIVE, 15, "shutdown_finished", total=1), QUEEN_ENDED],
    "the queen lives": [HIVE_BOUND, ORDER],
    "the queen crashed": [HIVE_BOUND, ORDER, exited(LIBRARY, 20, QUEEN, exit_code=1)],
    "the hive is frozen": [HIVE_BOUND, ORDER, killed(12, HIVE, "SIGSTOP"), QUEEN_ENDED],
    "the order went to another port": [record(HIVE, 1, "bound", port=9201), ORDER, QUEEN_ENDED],
    "another command by ssh": [record(QUEEN, 10, "ssh", argv=["ssh", "node", "kill -KILL 20"]), QUEEN_ENDED],
    "the worker ended before its hive": [STARTED, exited(HIVE, 20, WORKER), HIVE_ENDED],
    "the hive crashed": [STARTED, exited(LIBRARY, 30, HIVE, signal=9)],
    "the cancellation was passed on": [*TASK, *inference(1, 10, until=35), *asked(WORKER, 2, 21, "DELETE /v1/inference/req-1"), *CANCEL],
    "the worker noticed that its client left": [*TASK, *inference(1, 10, until=35), record(WORKER, 22, "client_gone", request_id="req-1"), *CANCEL],
    "the worker has cancelled": [*TASK, *inference(1, 10, until=35), record(WORKER, 22, "cancelled", request_id="req-1"), *CANCEL],
    "the inference had ended": [*TASK, *inference(1, 10, until=21), *CANCEL],
    "the queen refused to cancel": [*TASK, *inference(1, 10, until=35), *asked(QUEEN, 2, 20, "DELETE /v2/tasks/req-1", status=404)],
    "another task was cancelled": [*TASK, *inference(1, 10, until=35), *asked(QUEEN, 2, 20, "DELETE /v2/tasks/req-2")],
    "the queen could not reach the worker": [*TASK, *inference(1, 10, until=35), *CANCEL, record(QUEEN, 22, "held_back")],
    "the worker was killed": [*TASK, *inference(1, 10, until=35), killed(30, WORKER), *CANCEL],
    "asked again in time": [*REFUSED, *inference(2, 1010, body={"request_id": "req-1"}, until=1012)],
    "another worker was asked": [*REFUSED, *inference(2, 900, pid=OTHER, body={"request_id": "req-1"}, until=902)],
    "another request": [*REFUSED, *inference(2, 900, request_id="req-2", body={"request_id": "req-2"}, until=902)],
    "refused without a time": [*inference(1, 10, status=503, body={"request_id": "req-1"}), *inference(2, 20, body={"request_id": "req-1"}, until=22)],
    "the test asked again": [*REFUSED, *inference(2, 900, body={"request_id": "req-1"}, until=902, caller="RbeeLibrary")],
}


def findings(records: list[Record], since: int = 0) -> list[str]:
    return [finding.shown(0).partition("\n")[0] for finding in misbehaviour(History(sorted(records, key=lambda one: one["ns"])), since)]


@pytest.mark.parametrize("case", BROKEN)
def test_broken(case: str):
    records, text = BROKEN[case]
    assert findings(records) == [f"{case.partition(',')[0]}: {text}"]


@pytest.mark.parametrize("case", KEPT)
def test_kept(case: str):
    assert findings(KEPT[case]) == []


def test_finding_is_shown_with_its_records_in_order_of_time():
    records = [LOADING, *inference(1, 10, until=12)]
    (finding,) = misbehaviour(History(records))
    assert finding.shown(2 * MS).splitlines() == [
        "routed before ready: fake-queen/0.1.0 sent an inference to worker-1 while it was loading",
        "    3.0 ms  worker-1  state  to=loading",
        "    8.0 ms  worker-1  request_in  method=POST path=/v1/inference",
        "    9.0 ms  worker-1  answered  status=200 request_id=req-1",
        "    10.0 ms  worker-1  request_end  end_markers=1",
    ]


def test_finding_about_a_worker_that_outlived_its_hive_shows_the_end_of_the_hive_s_shutdown():
    (finding,) = misbehaviour(History([STARTED, HIVE_DONE, HIVE_ENDED]))
    assert finding.shown(0).splitlines() == [
        "outlived its hive: worker-1 was alive when hive had ended gracefully",
        "    5.0 ms  hive  process_started  worker_id=worker-1",
        "    25.0 ms  hive  shutdown_finished  total=1",
    ]


def test_finding_counts_from_its_last_record_on():
    records = [LOADING, *inference(1, 10, until=12)]
    assert len(findings(records, since=12 * MS)) == 1
    assert findings(records, since=12 * MS + 1) == []
