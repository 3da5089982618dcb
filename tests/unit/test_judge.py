"""What a judge waits for, and whom it asks, in a fleet whose hive and queen list a worker that is gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from RbeeLibrary.protocol import sse
from RbeeLibrary.report.rules.fleet_rules import FleetRule
from RbeeLibrary.session.judging.judge import Judge
from RbeeLibrary.session.types import Daemon

LIMIT = 5.0
OUTGOING = {"record": "request_out", "ns": 1, "clock": 0.0, "pid": 30, "name": "worker-1", "program": "fake-worker", "n": 1}
EARLY = {**OUTGOING, "method": "POST", "path": "/v1/workers/ready", "target": "127.0.0.1:9200"}
"""A worker said that it is ready, and never listened."""
LISTED = ["hive lists worker-1, which has been gone for 1000 s", "queen lists worker-1, which has been gone for 1000 s"]


def fleet(*records: dict[str, Any], rows: dict[str, str], pause: Any = lambda limit: pytest.fail("nothing has to be waited for")) -> Judge:
    """Judge of a fleet with these records; both lists have these rows."""
    daemons = {role: Daemon(role, role, f"http://127.0.0.1:{port}", port, port) for role, port in (("queen", 8080), ("hive", 9200))}
    processes = [SimpleNamespace(name=role, role=role, alive=True, frozen=False) for role in daemons]
    gone = SimpleNamespace(name="worker-1", role="worker", alive=False, frozen=False)
    supervisor = SimpleNamespace(processes=lambda: [*processes, gone], await_news=pause)
    run = SimpleNamespace(supervisor=supervisor, scene_clock=0.0, coordinator=SimpleNamespace(clock=SimpleNamespace(now=lambda: 1000.0)))
    programs = SimpleNamespace(of_role=lambda role: [daemons[role]], look_at=lambda name: SimpleNamespace(owner="hive"), is_real=lambda name: False)
    states = SimpleNamespace(listed=lambda daemon, path, limit: dict(rows))
    return Judge(run, SimpleNamespace(settled=lambda **_: list(records)), SimpleNamespace(), programs, states)


def test_lists_of_hives_are_judged_before_those_of_queens():
    judge = fleet(rows={"worker-1": "idle"})
    assert [finding.text for finding in judge.broken_rules(0, [], 0.0)] == LISTED


def test_list_that_is_right_a_moment_later_is_waited_for():
    rows = {"worker-1": "idle"}
    assert fleet(rows=rows, pause=lambda limit: rows.clear()).broken_rules(0, [], LIMIT) == []


def test_rule_that_stays_broken_is_reported_without_a_wait_for_others():
    judge = fleet(EARLY, rows={"worker-1": "idle"})
    assert {finding.rule for finding in judge.broken_rules(0, [], LIMIT)} == {FleetRule.CALLBACK_BEFORE_LISTENING, FleetRule.REGISTRATION}


def test_rule_that_may_be_broken_is_no_finding():
    assert fleet(EARLY, rows={}).broken_rules(0, [FleetRule.CALLBACK_BEFORE_LISTENING], LIMIT) == []


def test_what_a_fake_noticed_counts_from_the_very_moment_that_is_meant(tmp_path):
    journal = tmp_path / "hive-20.jsonl"
    journal.write_text("".join(sse.compact({"record": "own_error", "ns": ns, "thread": "sweep", "problem": f"problem {ns}"}) + "\n" for ns in (9, 11, 10)))
    assert fleet(rows={}).own_errors([("hive", journal)], 10) == ["hive, job sweep: problem 10", "hive, job sweep: problem 11"]
