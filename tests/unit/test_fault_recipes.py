"""Tests that the coverage page proposes for what no test has reached."""

from __future__ import annotations

from RbeeLibrary.report.fault_recipes import recipe

HITS = "Get Fault Hits    ${fault}    >=    1    within=5s"


def test_fault_of_a_stream_hits_an_idle_queen_because_no_idle_worker_has_a_stream():
    fault = "${fault} =    Inject Fault    queen    stall    after_tokens=2"
    assert recipe("idle", "stall") == ["Start Fleet    workers=1", fault, "Submit Inference    hello", HITS]


def test_fault_of_a_stream_is_armed_before_the_stream_begins():
    begin, fault, *rest = recipe("busy", "stall")
    assert begin.startswith("Start Worker")
    assert fault == "${fault} =    Inject Fault    worker-1    stall    after_tokens=2"
    assert [line.partition("    ")[0] for line in rest] == ["${answer} =", "Wait For Tokens", "Get Fault Hits"]


def test_fault_hits_a_draining_worker_after_more_tokens_than_those_it_had_sent_before():
    assert "${fault} =    Inject Fault    worker-1    stall    after_tokens=10" in recipe("draining", "stall")
