"""Users of rbee for Locust (extra `load`): each submits inferences, reads the stream event by event, leaves or retries, and counts what it got.

`Start Load` runs it as a program of a run. With Locust's own master and workers the same file makes load from several machines.
"""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, constant, constant_throughput, events, task
from locust.runners import WorkerRunner

from RbeeLibrary.protocol import sse

_BUSY = "ALL_SLOTS_BUSY"
_COUNTED = ("requests", "done", "left", "retries", "tokens")
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before a keeper asks again where all slots are busy (contract 3.3)."""


class Counts:
    """What the users of this process, or on a master those of all machines, have seen."""

    def __init__(self) -> None:
        self.numbers = Counter(dict.fromkeys(_COUNTED, 0))
        self.failures: Counter[str] = Counter()

    def add(self, other: dict[str, Any]) -> None:
        """Adds the counts of another process."""
        self.numbers.update(other["numbers"])
        self.failures.update(other["failures"])

    def take(self) -> dict[str, Any]:
        """The counts, which begin anew."""
        taken = {"numbers": dict(self.numbers), "failures": dict(self.failures)}
        self.numbers, self.failures = Counter(dict.fromkeys(_COUNTED, 0)), Counter()
        return taken


counts = Counts()
environments: list[Any] = []


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Adds the options of this file to those of Locust."""
    parser.add_argument("--rbee-rate", type=float, default=0, help="inferences per second of all users together; 0 = as many as they can")
    parser.add_argument("--rbee-max-tokens", type=int, default=20, help="tokens of each inference")
    parser.add_argument("--rbee-leave-share", type=float, default=0, help="share of inferences whose client leaves in the middle")
    parser.add_argument("--rbee-retries", type=int, default=1, help="1 = ask again after 1, 2 and 4 s where all slots are busy, as a keeper does")
    parser.add_argument("--rbee-route", default="/v2/tasks", help="/v2/tasks for a queen, /v1/inference for a worker")
    parser.add_argument("--rbee-node", default="workstation", help="node of the tasks; of several, NODE,NODE,..., each gets a share")
    parser.add_argument("--rbee-model", default="mock-model", help="model of the tasks")
    parser.add_argument("--rbee-key", default="", env_var="RBEE_API_KEY", help="API key", include_in_web_ui=False)
    parser.add_argument("--rbee-summary", default="", help="JSON file for the counts", include_in_web_ui=False)


class RbeeUser(HttpUser):
    """A client that submits one inference after the other."""

    def wait_time(self) -> float:
        """Keeps the rate, if there is one."""
        options = self.environment.parsed_options
        users = max(1, self.environment.runner.target_user_count if self.environment.runner else 1)
        wait = constant_throughput(options.rbee_rate / users) if options.rbee_rate else constant(0)
        return float(wait(self))

    @task
    def infer(self) -> None:
        """One inference, with the retries of a keeper."""
        options = self.environment.parsed_options
        number = f"load-{uuid.uuid4().hex[:12]}"
        leaves = options.rbee_leave_share > 0 and int(number[-4:], 16) / 0x10000 < options.rbee_leave_share
        for pause in (*(_PAUSES if options.rbee_retries else ()), None):
            code = self._ask(number, leaves)
            if code != _BUSY or pause is None:
                break
            counts.numbers["retries"] += 1
            gevent.sleep(pause)
        counts.numbers["requests"] += 1  # now, because Locust may end a user before it has sent anything
        if code:
            counts.failures[code] += 1

    def _ask(self, number: str, leaves: bool) -> str:
        """Sends the request once; returns the error code, empty if all went well."""
        options = self.environment.parsed_options
        body = {"request_id": number, "prompt": f"under load {number}", "max_tokens": options.rbee_max_tokens}
        if options.rbee_route == "/v2/tasks":
            nodes = options.rbee_node.split(",")
            body |= {"node": nodes[int(number[-8:-4], 16) % len(nodes)], "model": options.rbee_model}
        headers = {"X-Request-Id": number, **({"Authorization": f"Bearer {options.rbee_key}"} if options.rbee_key else {})}
        began = time.perf_counter()
        with self.client.post(options.rbee_route, json=body, headers=headers, stream=True, catch_response=True, name="inference", timeout=60) as answer:
            if answer.status_code != 200:
                code = _code_of(answer)
                if code == _BUSY and options.rbee_retries:
                    answer.success()  # no failure yet: the keeper asks again
                else:
                    answer.failure(code)
                return code
            code = self._read(answer, began, options.rbee_max_tokens // 2 if leaves else None)
            answer.request_meta["response_time"] = (time.perf_counter() - began) * 1000
            if code:
                answer.failure(code)
            else:
                answer.success()
            return code

    def _read(self, answer: Any, began: float, leave_after: int | None) -> str:
        parser, last, tokens = sse.Parser(), began, 0
        try:
            for piece in answer.iter_content(None):
                for event in parser.feed(piece):
                    if event.is_done:
                        counts.numbers["done"] += 1
                        return ""
                    if sse.token_text(event.json() or {}) is None:
                        continue
                    now = time.perf_counter()
                    self._fire("first token" if not tokens else "token gap", now - last)
                    last, tokens = now, tokens + 1
                    counts.numbers["tokens"] += 1
                    if tokens == leave_after:
                        counts.numbers["left"] += 1
                        answer.close()
                        return ""
        except Exception as error:
            return f"BROKEN ({type(error).__name__})"
        return "BROKEN (no end marker)"

    def _fire(self, name: str, seconds: float) -> None:
        self.environment.events.request.fire(request_type="SSE", name=name, response_time=seconds * 1000, response_length=0, exception=None, context={})


def _code_of(answer: Any) -> str:
    try:
        return str(json.loads(answer.content)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code or "UNREACHABLE")


@events.report_to_master.add_listener
def send_counts(client_id: str, data: dict[str, Any]) -> None:
    """Sends the counts of a worker machine with its statistics."""
    data["rbee"] = counts.take()


@events.worker_report.add_listener
def add_counts(client_id: str, data: dict[str, Any]) -> None:
    """Adds the counts of a worker machine."""
    counts.add(data["rbee"])


@events.init.add_listener
def remember(environment: Any, **_: Any) -> None:
    """Keeps the environment, which the last event does not have."""
    environments.append(environment)


@events.test_start.add_listener
def tell_start(environment: Any, **_: Any) -> None:
    """Ends gracefully at SIGINT from now on, and tells whoever started this. Python itself would interrupt some user in the middle of its request."""
    if not isinstance(environment.runner, WorkerRunner):
        gevent.signal_handler(signal.SIGINT, environment.runner.quit)
    if environment.parsed_options.rbee_summary:
        Path(environment.parsed_options.rbee_summary).with_suffix(".started").touch()


@events.quit.add_listener
def write_summary(exit_code: int) -> None:
    """Writes what was counted, with the times that Locust has measured; users have finished what they had begun."""
    environment = environments[0]
    path = environment.parsed_options.rbee_summary
    if not path or isinstance(environment.runner, WorkerRunner):
        return
    times = {}
    for name, kind in (("first token", "SSE"), ("token gap", "SSE"), ("inference", "POST")):
        entry = environment.stats.get(name, kind)
        measured = {"count": entry.num_requests, "median": entry.median_response_time, "max": entry.max_response_time}
        times[name] = {**measured, "p95": entry.get_response_time_percentile(0.95)}
    Path(path).write_text(json.dumps({**counts.numbers, "failures": counts.failures, "times": times}), encoding="utf-8")
