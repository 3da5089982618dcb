"""Every kind of record that fakes write, with all its fields, is the approved one; what differs from run to run is left out."""

from __future__ import annotations

import difflib
import os
import re
from typing import Any

import pytest
from running import ROOT

from RbeeLibrary import Rbee

APPROVED = ROOT / "tests/data/approved/records.txt"
MODEL = "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
LEFT_OUT = ("ns", "clock", "wall", "start", "end", "pid", "n", "name", "program", "record", "began_ns", "due", "index", "gone")
"""Fields whose values are times, numbers that count, or written elsewhere in the line; and `gone`, since a client that has everything may leave at any time."""
DIFFERENT = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UUID"),
    (r"req-[0-9a-f]{12}", "req-ID"),
    (r"\d{4}-\d\d-\d\d[T ][\d:.]+Z?", "DATE"),
    (r"(?<![:/\w])/(?!v\d)[^\s'\"]+/", "FOLDER/"),
    (r"('Content-Length': )'\d+'", r"\1'N'"),
    (r"(child=|_pid=|'pid': )\d+", r"\1N"),
    (r"\b\d{4,}\b", "N"),
    (r"\b\d+\.\d{3,}\b", "TIME"),
]


@pytest.fixture
def rbee(tmp_path):
    with Rbee(tmp_path) as one:
        one.set_time_rate(0)
        yield one


def written(rbee: Rbee) -> list[str]:
    """One line for each different record, sorted; without those of requests of the library, whose number depends on the machine."""
    records = rbee.records(None)
    polls = {(one["pid"], one["n"]) for one in records if one["record"] == "request_in" and one.get("caller") == "RbeeLibrary" and one["method"] == "GET"}
    received = ("request_in", "answered", "request_end")
    lines = {_line(one) for one in records if one["record"] not in received or (one["pid"], one["n"]) not in polls}
    return sorted(line for line in lines if "answer_in" not in line or "no answer within" not in line)  # some limits are real time


def _line(record: dict[str, Any]) -> str:
    fields = "  ".join(f"{name}={value!r}" for name, value in record.items() if name not in LEFT_OUT)
    for pattern, name in DIFFERENT:
        fields = re.sub(pattern, name, fields)
    return f"{record['program']} {record['record']}  {fields}".rstrip()


def story(rbee: Rbee) -> None:
    rbee.start_hub()
    rbee.start_fleet(workers=2, token_delay="100ms", restart_hung=1, list_probe_timeout="10s", notice_timeout="20s")
    for worker in ("worker-1", "worker-2"):
        rbee.wait_for_records(worker, "callback_sent", 2)
    whole = rbee.submit("hello", max_tokens=3, request_id="req-whole")
    rbee.advance_time("1 s")
    rbee.wait(whole)
    cut_short = rbee.submit("a tale", to="worker-2", max_tokens=30, request_id="req-cancelled")
    rbee.wait_for_tokens(cut_short, 1)
    rbee.cancel(cut_short)
    rbee.inject_fault("worker-1", "kill", after_tokens=2)
    broken = rbee.submit("a tale", to="worker-1", max_tokens=30, request_id="req-broken")
    rbee.advance_time("1 s")
    rbee.wait(broken)
    rbee.wait_for_records("hive", "worker_removed", worker_id="worker-1")
    rbee.inject_fault("hub", "cut", after_bytes=2097152, times=1)
    cold = rbee.submit("good morning", model=MODEL, max_tokens=2, request_id="req-cold")
    rbee.advance_time("1 min")
    rbee.wait(cold)
    rbee.freeze("worker-2")
    rbee.advance_time("3 min")
    rbee.stop("hive")
    rbee.stop("queen")


def test_records_are_the_approved_ones(rbee):
    story(rbee)
    lines = written(rbee)
    if os.environ.get("RBEE_APPROVE"):
        APPROVED.write_text("\n".join(lines) + "\n")
    changes = list(difflib.unified_diff(APPROVED.read_text().splitlines(), lines, "approved", "now", n=0, lineterm=""))
    assert not changes, "\n".join(changes[:12])
