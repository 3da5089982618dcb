"""Reading journals and ranking near misses."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.journal.line_file import open_line_file
from RbeeLibrary.journal.reader import WantedRequest, entries, nearest, requests
from RbeeLibrary.journal.writer import Journal, without_secrets


def write(path: Path, *entries: dict) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def request(number: int, ns: int, method: str = "GET", where: str = "/v1/health") -> dict:
    return {"record": "request_in", "n": number, "ns": ns, "method": method, "path": where, "start": ns / 1e9}


def test_request_is_put_together_from_its_records(tmp_path):
    path = write(
        tmp_path / "w-1.jsonl",
        request(1, 5),
        {"record": "answered", "n": 1, "status": 200, "request_id": "r"},
        request(2, 6),
        {"record": "request_end", "n": 1, "end": 9.0},
    )
    first, second = requests("w", [path])
    assert (first.status, first.request_id, first.end) == (200, "r", 9.0)
    assert (second.status, second.end) == (None, None)


def test_requests_of_several_processes_stand_in_order_of_arrival(tmp_path):
    old = write(tmp_path / "w-1.jsonl", request(1, 5), request(2, 30))
    new = write(tmp_path / "w-2.jsonl", request(1, 20))
    assert [record.ns for record in requests("w", [new, old])] == [5, 20, 30]


def test_line_that_was_cut_by_a_kill_is_left_out(tmp_path):
    path = write(tmp_path / "w-1.jsonl", request(1, 5))
    path.write_bytes(path.read_bytes() + b'{"record":"request_in","n":2,"ns":6,"met')
    assert len(requests("w", [path])) == 1


def test_record_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "w-1.jsonl"
    journal = Journal(str(path), "fake-worker", Clock())
    before = time.monotonic_ns()
    journal.record("token", request_id="r", index=0)
    entry = json.loads(path.read_text())
    assert (entry["record"], entry["program"], entry["index"]) == ("token", "fake-worker", 0)
    assert before <= entry["ns"] <= time.monotonic_ns()
    assert path.stat().st_mode & 0o077 == 0


def test_records_of_tokens_can_be_left_out(tmp_path):
    path = tmp_path / "w-1.jsonl"
    journal = Journal(str(path), "fake-worker", Clock())
    for record in ("inference_begin", "token", "token", "inference_end"):
        journal.record(record, request_id="r")
    assert [entry["record"] for entry in entries(path, tokens=False)] == ["inference_begin", "inference_end"]
    assert [entry["record"] for entry in entries(path)] == ["inference_begin", "token", "token", "inference_end"]


def calls_to_read(path: Path) -> int:
    """Number of function calls for reading all records of a file."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        list(entries(path))
    finally:
        sys.setprofile(None)
    return calls


def test_reserved_space_of_a_journal_costs_its_reader_nothing(tmp_path):
    path = tmp_path / "w-1.jsonl"
    lines = open_line_file(str(path), alone=True)
    lines.add(json.dumps(request(1, 5)).encode() + b"\n")
    assert path.read_bytes().endswith(b"\n\n")
    while_written = calls_to_read(path)
    lines.close()
    assert not path.read_bytes().endswith(b"\n\n")
    assert while_written == calls_to_read(path)


def test_secrets_are_masked():
    assert without_secrets({"Authorization": "Bearer k", "Accept": "x"}) == {"Authorization": "***", "Accept": "x"}


def found(tmp_path, *entries):
    return requests("hive", [write(tmp_path / "hive-1.jsonl", *entries)])


def test_nearest_is_the_same_request_too_early(tmp_path):
    records = found(tmp_path, request(1, 1_000_000), request(2, 3_000_000, "POST", "/v1/workers/spawn"))
    near = nearest(WantedRequest("hive", "GET", "/v1/health"), records, 4_000_000)
    assert near[0] == "hive GET /v1/health (3.0 ms too early)"
    assert near[1] == "hive POST /v1/workers/spawn (POST instead of GET, path /v1/workers/spawn instead of /v1/health, 1.0 ms too early)"


def test_nearest_is_the_same_request_at_another_program(tmp_path):
    records = found(tmp_path, request(1, 1, "POST", "/v1/inference"))
    assert nearest(WantedRequest("worker-1", "POST", "/v1/inference"), records, 0) == ["hive POST /v1/inference (at hive instead of worker-1)"]


def test_path_with_a_star_fits_all_that_begin_like_it(tmp_path):
    (record,) = found(tmp_path, request(1, 1, "DELETE", "/v1/inference/req-1"))
    assert WantedRequest("hive", "DELETE", "/v1/inference/*").fits(record)
    assert not WantedRequest("hive", "DELETE", "/v1/inference").fits(record)
    assert WantedRequest("hive", None, None).fits(record)


def test_request_with_a_status_is_one_that_was_answered(tmp_path):
    running, answered = found(tmp_path, request(1, 1), request(2, 2), {"record": "answered", "n": 2, "status": 503})
    assert not WantedRequest("hive", None, None, 200).fits(running)
    assert WantedRequest("hive", None, None, 503).fits(answered)
    near = nearest(WantedRequest("hive", "GET", "/v1/health", 200), [running, answered], 0)
    assert any("not answered yet instead of 200" in line or "answered with 503 instead of 200" in line for line in near)


def test_ten_thousand_entries_are_ranked_by_distinct_requests(tmp_path):
    """The time is reported, not judged: only that many repetitions cost no more looks than their kinds."""
    entries = [request(number, number, "GET", f"/v1/path-{number % 50}") for number in range(10_000)]
    began = time.perf_counter()
    records = found(tmp_path, *entries)
    near = nearest(WantedRequest("hive", "GET", "/v1/path-7x"), records, 0)
    print(f"10,000 entries read and ranked in {(time.perf_counter() - began) * 1000:.0f} ms")
    assert len(records) == 10_000
    assert near[0].startswith("hive GET /v1/path-7 (")
    assert len(near) == 3
