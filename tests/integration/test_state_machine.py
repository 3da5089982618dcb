"""Any order of spawn, infer, cancel, kill, freeze and shutdown: what a hive lists is what the process table has.

`RBEE_EXAMPLES=500 pytest tests/integration/test_state_machine.py` tries more orders than the dozen of a normal run.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import threading
import time

import psutil
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from test_programs import ask, program

LIMIT = 10.0
NAMES = ("a", "b", "c")
STATES = ("loading", "idle", "busy", "draining")


class Answer(threading.Thread):
    """A client that reads a stream to its end."""

    def __init__(self, port: int, request_id: str, tokens: int):
        super().__init__(daemon=True)
        self.id, self.tokens = request_id, tokens
        self.status, self.text = 0, ""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._connection.request("POST", "/v1/inference", json.dumps({"prompt": "x", "max_tokens": self.tokens, "request_id": self.id}))
            answer = self._connection.getresponse()
            self.status = answer.status
            self.text = answer.read().decode()

    def check(self, *, was_hurt: bool) -> None:
        """A stream is whole, or cancelled, or broken because its worker was hurt; a refusal says why."""
        if self.status == 200 and self.text.endswith("data: [DONE]\n\n"):
            assert self.text.count("data: {") <= self.tokens
        elif self.status == 503:
            assert json.loads(self.text)["error"]["code"] in ("ALL_SLOTS_BUSY", "WORKER_NOT_READY")
        else:
            assert was_hurt, f"status {self.status}, {self.text!r}"


class Pool(RuleBasedStateMachine):
    """A hive and up to three workers."""

    @initialize()
    def start(self) -> None:
        self._stack = contextlib.ExitStack()
        env = {"RBEE_WORKER_ARGS": "--token-delay 5ms"}
        words = ("--port", "0", "--provision", "off", "--worker-ports", "0", "--shutdown-ack", "300ms", "--term-grace", "300ms", "--shutdown-drain", "1s")
        self.hive = self._stack.enter_context(program("fake-hive", *words, env=env, output=subprocess.DEVNULL))
        self.port = self.hive.ready["port"]
        self.answers: list[tuple[Answer, int]] = []
        self.hurt: set[int] = set()
        self.frozen: set[int] = set()
        self.count = 0

    def rows(self) -> dict[str, dict]:
        return {row["worker_id"]: row for row in json.loads(ask(self.port, "GET", "/v1/workers/list")[1])["workers"]}

    def row(self, name: str) -> dict | None:
        found = self.rows().get(name)
        return found if found is not None and found["pid"] not in self.frozen else None

    @rule(name=st.sampled_from(NAMES), port=st.none() | st.just(0) | st.integers(19000, 19100))
    def spawn(self, name: str, port: int | None) -> None:
        known = name in self.rows()
        status, text = ask(self.port, "POST", "/v1/workers/spawn", json.dumps({"worker_id": name, "port": port}))
        assert status == (409 if known and port != 0 else 400 if port == 0 else 200), text

    @rule(name=st.sampled_from(NAMES), tokens=st.integers(1, 40))
    def infer(self, name: str, tokens: int) -> None:
        row = self.row(name)
        if row is not None:
            self.count += 1
            answer = Answer(int(row["url"].rpartition(":")[2]), f"r-{self.count}", tokens)
            answer.start()
            self.answers.append((answer, row["pid"]))

    @rule(name=st.sampled_from(NAMES))
    def cancel(self, name: str) -> None:
        row = self.row(name)
        if row is not None and self.count:
            with contextlib.suppress(OSError):
                status, _ = ask(int(row["url"].rpartition(":")[2]), "DELETE", f"/v1/inference/r-{self.count}")
                assert status == 204

    @rule(name=st.sampled_from(NAMES))
    def kill(self, name: str) -> None:
        row = self.rows().get(name)
        if row is not None:
            self.hurt.add(row["pid"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(row["pid"], signal.SIGKILL)

    @rule(name=st.sampled_from(NAMES))
    def freeze(self, name: str) -> None:
        row = self.row(name)
        if row is not None:
            self.frozen.add(row["pid"])
            self.hurt.add(row["pid"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(row["pid"], signal.SIGSTOP)

    @precondition(lambda self: self.frozen)
    @rule()
    def resume(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.frozen.pop(), signal.SIGCONT)

    @rule(name=st.sampled_from(NAMES), graceful=st.booleans())
    def shut_down(self, name: str, graceful: bool) -> None:
        row = self.row(name)
        if row is not None:
            if not graceful:
                self.hurt.add(row["pid"])
            with contextlib.suppress(OSError):
                status, text = ask(int(row["url"].rpartition(":")[2]), "POST", "/v1/admin/shutdown", json.dumps({"graceful": graceful}))
                assert status == 202, text

    @invariant()
    def list_and_process_table_agree(self) -> None:
        if not hasattr(self, "hive"):
            return
        assert self.hive.poll() is None
        assert ask(self.port, "GET", "/v1/health")[0] == 200
        deadline = time.monotonic() + LIMIT
        while True:
            listed = {row["pid"] for row in self.rows().values()}
            children = [child for child in psutil.Process(self.hive.pid).children() if child.name().startswith("mock-worker")]
            living = {child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE}
            if listed == living or time.monotonic() > deadline:
                break
            select.select([], [], [], 0.01)
        assert listed == living
        assert all(row["state"] in STATES for row in self.rows().values())

    def teardown(self) -> None:
        if not hasattr(self, "hive"):
            return
        with self._stack:
            workers = [child for child in psutil.Process(self.hive.pid).children() if child.name().startswith("mock-worker")]
            self.hurt.update(child.pid for child in workers)  # what a drain limit cuts is cut
            self.hive.send_signal(signal.SIGTERM)
            assert self.hive.wait(LIMIT) == 0
            assert psutil.wait_procs(workers, LIMIT)[1] == []
            for answer, pid in self.answers:
                answer.join(LIMIT)
                assert not answer.is_alive()
                answer.check(was_hurt=pid in self.hurt)


def test_any_order_of_orders():
    examples = int(os.environ.get("RBEE_EXAMPLES", "12"))
    run_state_machine_as_test(
        Pool, settings=settings(max_examples=examples, stateful_step_count=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    )
