"""A test as Chrome trace events and as OTLP JSON: nothing overlaps within a thread, flows meet their slices, hops have one trace."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from RbeeLibrary.report.trace.keyword_span import KeywordSpan
from RbeeLibrary.report.trace.open_telemetry import otlp_json
from RbeeLibrary.report.trace.process_spans import ProcessSpan
from RbeeLibrary.report.trace.timeline import TestSpan
from RbeeLibrary.report.trace.trace_events import TraceEvents, bends, chrome_trace
from RbeeLibrary.report.trace.trace_page import trace_page
from RbeeLibrary.session.judging.test_trace import TestTrace, for_page
from RbeeLibrary.session.programs.outputs import Outputs
from RbeeLibrary.session.run import Run

MS = 1_000_000
SPANS = [
    ProcessSpan("queen", "queen", 10, 1 * MS, None),
    ProcessSpan("hive", "hive", 11, 2 * MS, None),
    ProcessSpan("worker-1", "worker", 12, 3 * MS, 60 * MS, "was ended by SIGKILL"),
]
WALL = 1_700_000_000.0


def record(kind: str, name: str, at: float, **more) -> dict:
    pid = {"queen": 10, "hive": 11, "worker-1": 12, "library": 1}[name]
    return {"ns": int(at * MS), "clock": at / 1000, "wall": WALL + at / 1000, "program": f"fake-{name}", "pid": pid, "record": kind, "name": name, **more}


def hop(name: str, number: int, at: float, until: float | None, path: str, correlation: str, **more) -> list[dict]:
    arrival = record("request_in", name, at, n=number, method="POST", path=path, query="", correlation_id=correlation, headers={"Host": "h"}, **more)
    answered = record("answered", name, at + 1, n=number, status=200, request_id="req-1")
    return [arrival, answered, *([record("request_end", name, until, n=number)] if until else [])]


RECORDS = sorted(
    [
        record("bound", "queen", 5, port=8080),
        record("state", "worker-1", 6, to="idle"),
        *hop("queen", 1, 10, 70, "/v2/tasks", "c1", body={"prompt": "</script>"}),
        record("request_out", "queen", 12, n=1, method="POST", path="/v1/inference", query="a=b", target="127.0.0.1:8001", correlation_id="c1"),
        *hop("worker-1", 1, 13, None, "/v1/inference", "c1"),
        *hop("queen", 2, 20, 30, "/v2/tasks", "c2"),
        *(record("token", "worker-1", 20 + number, request_id="req-1", index=number) for number in range(3)),
        record("answer_in", "queen", 61, n=1, status=200, failure="the peer closed the connection"),
        record("request_out", "hive", 40, n=9, method="GET", path="/v1/health", query="", target="127.0.0.1:9", correlation_id="c9"),
        record("answer_in", "hive", 41, n=9, status=None, failure="Connection refused"),
        record("signal_sent", "library", 60, to="worker-1", to_pid=12, signal="SIGKILL"),
        {**record("clock_step", "library", 65, by=300.0, fired=1, began_ns=64 * MS), "clock": 300.065},
        {**record("health_miss", "hive", 66, worker_id="worker-1"), "clock": 300.066},
    ],
    key=lambda one: one["ns"],
)
KEYWORDS = [KeywordSpan("s1-t1-k1", "Start Fleet", ("workers=1",), 1, 1 * MS, 9 * MS, "PASS"), KeywordSpan("s1-t1-k2", "Kill", (), 1, 59 * MS, 61 * MS, "FAIL")]
PRINTED = {"hive": {"stderr": "2023-11-14T22:13:20.030Z first line\nsecond without a time\n"}}


def events() -> list[dict]:
    return TraceEvents(SPANS, RECORDS, TestSpan(0, 80 * MS, 62 * MS, KEYWORDS), PRINTED).events()


def of(kind: str) -> list[dict]:
    return [event for event in events() if event.get("cat") == kind]


def test_slices_of_a_thread_do_not_overlap():
    threads: dict[tuple, list] = {}
    for event in events():
        if event["ph"] == "X" and event["cat"] != "keyword":
            threads.setdefault((event["pid"], event["tid"]), []).append(event)
    for slices in threads.values():
        slices.sort(key=lambda one: one["ts"])
        assert all(before["ts"] + before["dur"] <= after["ts"] for before, after in pairwise(slices))
    assert len({tid for pid, tid in threads if pid == 2}) == 4  # states, two requests at once, one that was sent


def test_flows_begin_and_end_at_slices():
    found = events()
    slices = {(one["pid"], one["tid"], one["ts"]) for one in found if one["ph"] == "X"}
    flows = [one for one in found if one.get("cat") == "flow"]
    assert len([one for one in flows if one["ph"] == "s"]) == len([one for one in flows if one["ph"] == "f"]) == 3
    assert all((one["pid"], one["tid"], one["ts"]) in slices for one in flows if one["ph"] == "f")
    begins = [one for one in flows if one["ph"] == "s" and one["pid"] != 1]
    assert [(one["pid"], one["ts"]) for one in begins] == [(2, 12000.0)]


def test_all_hops_of_a_request_have_one_trace():
    traces = {(event["pid"], event["name"]): event["args"]["trace"] for event in [*of("request"), *of("sent")] if event["args"].get("correlation_id") == "c1"}
    assert len(traces) == 3
    assert len(set(traces.values())) == 1
    assert {event["args"]["trace"] for event in of("token")} == set(traces.values())
    assert of("request")[2]["args"]["trace"] not in traces.values()
    assert {event["args"]["trace"] for event in [*of("request"), *of("sent")]} == {1, 2, 3}


def test_what_a_real_program_sends_because_of_a_request_has_the_trace_of_that_request():
    out = record("request_out", "queen", 22, n=7, cause=2, method="GET", path="/v1/ready", query="", target="127.0.0.1:9200", correlation_id="another")
    found = TraceEvents(SPANS, [*RECORDS, out], TestSpan(0, 80 * MS), {}).events()
    traces = {one["args"]["correlation_id"]: one["args"]["trace"] for one in found if one.get("cat") in ("request", "sent")}
    assert traces["another"] == traces["c2"] != traces["c1"]


def test_request_tells_where_the_run_s_clock_stood():
    assert [event["args"]["clock"] for event in of("request")] == [0.01, 0.013, 0.02]
    assert [event["args"]["clock"] for event in of("sent")] == [0.012, 0.04]


def test_answer_ends_with_its_process():
    answer = next(event for event in of("request") if event["name"] == "POST /v1/inference")
    assert (answer["ts"] + answer["dur"], answer["args"]["complete"]) == (60000.0, False)


def test_request_that_nobody_received_says_why():
    lost = next(event for event in of("sent") if event["name"] == "GET /v1/health")
    assert (lost["args"]["failure"], lost["args"]["url"]) == ("Connection refused", "http://127.0.0.1:9/v1/health")
    assert of("sent")[0]["args"]["url"] == "http://127.0.0.1:8001/v1/inference?a=b"
    assert of("request")[0]["args"]["url"] == "http://127.0.0.1:8080/v2/tasks"


def test_marks_are_where_they_belong():
    numbers = {event["args"]["name"]: event["pid"] for event in events() if event["name"] == "process_name"}
    assert [(event["name"], event["pid"]) for event in of("signal")] == [("SIGKILL sent by the test", numbers["worker-1"])]
    assert [event["ts"] for event in of("clock") if event["ph"] == "i"] == [64000.0]
    assert [event["ts"] for event in of("failure")] == [62000.0]
    assert [event["name"] for event in of("record") if event["pid"] == numbers["hive"]] == ["health miss: worker-1"]
    assert [event["name"] for event in of("keyword")] == ["Start Fleet", "Kill"]
    assert [event["name"] for event in of("process")] == ["worker-1 was ended by SIGKILL"]


def test_first_thread_of_the_test_has_its_keywords_and_those_of_programs_their_states():
    programs = {event["pid"]: event["args"]["name"] for event in events() if event["name"] == "process_name"}
    threads = {programs[event["pid"]]: event["args"]["name"] for event in events() if event["name"] == "thread_name"}
    assert threads == {"test": "keywords", "queen": "states", "hive": "states", "worker-1": "states"}


def test_long_body_is_cut_and_an_empty_one_is_not_shown():
    requests = [*hop("queen", 1, 10, 20, "/v2/tasks", "c1", body={"prompt": "x" * 5000}), *hop("queen", 2, 30, 40, "/v2/tasks", "c2", body={})]
    long, empty = (event["args"] for event in TraceEvents(SPANS, requests, TestSpan(0, 80 * MS, None, []), {}).events() if event.get("cat") == "request")
    assert re.fullmatch(r'\{"prompt": "x+\.\.\. \((\d+) more characters are in the journal\)', long["body"])
    assert "body" not in empty


def test_lines_of_output_have_the_time_that_they_tell():
    first, second = of("output")
    assert (first["name"][-10:], second["name"]) == ("first line", "second without a time")
    assert first["ts"] == second["ts"] == pytest.approx(30000, abs=1)


def test_clock_needs_few_samples():
    steady = [(number * MS, number / 1000) for number in range(1000)]
    assert bends(steady) == [steady[0], steady[-1]]
    held = [(number * MS, 0.5) for number in range(1001, 1100)]
    moved = [(1101 * MS, 300.0), (1200 * MS, 300.099)]
    kept = bends([*steady, *held, *moved])
    assert len(kept) <= 8
    assert held[-1] in kept
    assert moved[0] in kept
    assert bends([]) == []


def test_chrome_trace_is_json_that_perfetto_takes():
    trace = json.loads(chrome_trace(events(), {"test": "t"}))
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"}
    for event in trace["traceEvents"]:
        assert event["ph"] in "XiMCsf"
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["ph"] == "M" or event["ts"] >= 0


def test_open_telemetry_has_parents_tokens_and_errors():
    resources = json.loads(otlp_json(events(), WALL, {"test": "t"}))["resourceSpans"]
    named = {
        next(one["value"]["stringValue"] for one in resource["resource"]["attributes"] if one["key"] == "service.name"): resource["scopeSpans"][0]["spans"]
        for resource in resources
    }
    assert set(named) == {"queen", "hive", "worker-1"}
    inference = named["worker-1"][0]
    forwarded = next(span for span in named["queen"] if span["kind"] == 3)
    task = next(span for span in named["queen"] if span["spanId"] == forwarded["parentSpanId"])
    assert inference["parentSpanId"] == forwarded["spanId"]
    assert (task["name"], task["parentSpanId"]) == ("POST /v2/tasks", "")
    assert inference["traceId"] == forwarded["traceId"] == task["traceId"]
    assert len(inference["traceId"]) == 32
    assert len(inference["spanId"]) == 16
    assert [event["name"] for event in inference["events"]] == ["token"] * 3
    assert inference["startTimeUnixNano"] == str(int(WALL * 1e9) + 13 * MS)
    assert named["hive"][0]["status"] == {"code": 2, "message": "Connection refused"}


def test_page_is_one_file_and_no_text_can_end_its_data():
    page = trace_page("a <test>", events(), {"status": "FAIL", "message": "</script><b>", "links": [["log", "../log.html"]]})
    assert "<title>a &lt;test&gt;</title>" in page
    assert page.count("</script>") == 2
    assert "http://" not in page.split('<script type="application/json"')[0]
    assert "src=" not in page


def test_page_of_a_very_long_test_leaves_tokens_and_output_out():
    few = [{"cat": "token"}, {"cat": "request"}]
    assert for_page(few) == few
    many = [{"cat": cat} for cat in ("token", "output", "request")] * 60_000
    assert for_page(many) == [{"cat": "request"}] * 60_000


def written(folder: Path, records: list[dict], log: str = "") -> dict:
    """The files of a test that began at the 3rd millisecond, by their names."""
    outputs = Outputs(Run(lambda: folder), tuple)
    trace = TestTrace(TestSpan(3 * MS, 80 * MS), folder, SPANS, records, dict.fromkeys(("queen", "hive", "worker-1"), folder), outputs)
    assert trace.write("a test", "PASS", "", log) == folder / "trace.html"
    return {path.name: path.read_text() for path in folder.glob("trace.*")}


def test_files_tell_the_same_moments(tmp_path):
    files = written(tmp_path, RECORDS)
    assert set(files) == {"trace.html", "trace.json", "trace.otlp.json"}
    (request,) = [event for event in json.loads(files["trace.json"])["traceEvents"] if event["name"] == "POST /v1/inference" and event["cat"] == "request"]
    (resource,) = [one for one in json.loads(files["trace.otlp.json"])["resourceSpans"] if '"worker-1"' in json.dumps(one["resource"])]
    start = int(resource["scopeSpans"][0]["spans"][0]["startTimeUnixNano"])
    assert request["ts"] == 10_000
    assert start / 1e9 == pytest.approx(WALL + 0.013, abs=1e-4)


@pytest.mark.parametrize(
    ("log", "whole", "named"),
    [("../log.html#s1-t1", "../log.html", [["log", "../log.html#s1-t1"]]), ("../log.html", "../log.html", [["log", "../log.html"]]), ("", "", [])],
    ids=["test", "log", "none"],
)
def test_page_leads_to_the_log_if_there_is_one(tmp_path, log, whole, named):
    data = written(tmp_path, RECORDS, log)["trace.html"].partition('<script type="application/json"')[2]
    about = json.loads(data.partition(">")[2].partition("</script>")[0])["otherData"]
    assert about["log"] == whole
    assert about["links"] == [*named, ["for Perfetto", "trace.json"], ["for Jaeger (OTLP)", "trace.otlp.json"]]


def test_test_without_programs_has_no_timeline(tmp_path):
    def shown(records: list[dict]) -> str:
        return TestTrace(TestSpan(0, 80 * MS), tmp_path, SPANS, records, {}, Outputs(Run(lambda: tmp_path), tuple)).as_timeline(is_open=True)

    assert shown([]) == ""
    assert shown(RECORDS).startswith("<details class='rbee-timeline' open><summary>Timeline: 3 processes, 3 requests, 3 tokens")


def test_line_of_output_may_tell_whole_seconds():
    printed = {"hive": {"stderr": "2023-11-14T22:13:21Z one second later\n"}}
    (line,) = [event for event in TraceEvents(SPANS, RECORDS, TestSpan(0, 80 * MS), printed).events() if event.get("cat") == "output"]
    assert line["ts"] == pytest.approx(1_000_000, abs=1)


def test_run_s_clock_is_drawn_from_the_first_record_on_with_its_steps():
    samples = [(event["ts"], event["args"]["seconds"]) for event in of("clock") if event["ph"] == "C"]
    assert samples[0] == (5000.0, 0.005)
    assert (65000.0, 300.065) in samples


def test_request_of_a_program_without_a_lane_is_received_without_a_flow():
    asked = record("request_out", "hive", 11, n=3, method="POST", path="/v1/status", query="", target="127.0.0.1:8001", correlation_id="c7")
    found = TraceEvents(SPANS[2:], [asked, *hop("worker-1", 5, 11.5, 12, "/v1/status", "c7")], TestSpan(0, 80 * MS), {}).events()
    assert len([one for one in found if one.get("cat") == "request"]) == 1
    assert [one for one in found if one.get("cat") == "flow"] == []
