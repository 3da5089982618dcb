"""The timeline: well formed, small, true to what the journals say."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

from RbeeLibrary.report.trace.keyword_span import KeywordSpan
from RbeeLibrary.report.trace.process_spans import ProcessSpan, state_bars
from RbeeLibrary.report.trace.timeline import TestSpan, timeline

MS = 1_000_000
LIVES = [
    ProcessSpan("worker-1", "worker", 12, 20 * MS, 90 * MS, "was ended by SIGKILL"),
    ProcessSpan("hive", "hive", 11, 10 * MS, None),
    ProcessSpan("queen", "queen", 10, 5 * MS, None),
]


def state(name: str, pid: int, at: int, before: str, after: str) -> dict:
    return {"record": "state", "name": name, "pid": pid, "ns": at * MS, "from": before, "to": after}


RECORDS = [
    state("queen", 10, 8, "starting", "idle"),
    state("hive", 11, 12, "starting", "idle"),
    state("worker-1", 12, 25, "starting", "loading"),
    {"record": "request_out", "name": "hive", "pid": 11, "ns": 29 * MS, "n": 1, "method": "GET", "path": "/v1/status", "correlation_id": "c1"},
    {"record": "request_in", "name": "worker-1", "pid": 12, "ns": 30 * MS, "n": 7, "method": "GET", "path": "/v1/status", "correlation_id": "c1"},
    {"record": "answered", "name": "worker-1", "pid": 12, "ns": 31 * MS, "n": 7, "status": 200},
    {"record": "request_in", "name": "worker-1", "pid": 12, "ns": 40 * MS, "n": 8, "method": "POST", "path": "/v1/<inference>", "correlation_id": "c2"},
    {"record": "answered", "name": "worker-1", "pid": 12, "ns": 41 * MS, "n": 8, "status": 503},
    state("worker-1", 12, 45, "loading", "busy"),
    {"record": "fault_armed", "name": "worker-1", "pid": 12, "ns": 46 * MS, "spec": "kill:after_tokens=12", "kind": "kill"},
    *({"record": "token", "name": "worker-1", "pid": 12, "ns": (50 + number) * MS} for number in range(12)),
    {"record": "fault", "name": "worker-1", "pid": 12, "ns": 63 * MS, "kind": "kill", "hit": 1},
    {"record": "signal_sent", "name": "library", "pid": 1, "ns": 70 * MS, "to": "hive", "to_pid": 11, "signal": "SIGSTOP"},
    {"record": "clock_step", "name": "library", "pid": 1, "ns": 95 * MS, "by": 300.0, "fired": 12},
]


def drawn(**more) -> tuple[str, list[str]]:
    html = timeline(LIVES, RECORDS, TestSpan(0, 100 * MS), is_open=more.get("is_open", False))
    svg = ET.fromstring(re.search(r"<svg.*?</svg>", html, re.DOTALL)[0])
    return html, [element.text for element in svg.iter() if element.tag.endswith("title")]


def test_everything_is_named():
    html, titles = drawn()
    assert "Timeline: 3 processes, 2 requests, 12 tokens, 0.10 s" in html
    for expected in (
        "at 0.022 s: worker-1 (pid 12) loading, 0.020 s",
        "at 0.042 s: worker-1 (pid 12) busy, 0.045 s",
        "at 0.067 s: hive (pid 11) frozen, 0.030 s",
        "at 0.087 s: worker-1 was ended by SIGKILL",
        "at 0.027 s: hive -> worker-1: GET /v1/status 200, 1.0 ms",
        "at 0.037 s: test -> worker-1: POST /v1/<inference> 503, 1.0 ms",
        "at 0.043 s: fault kill:after_tokens=12 of worker-1 is armed",
        "at 0.060 s: fault kill hits worker-1, number 1",
        "at 0.067 s: SIGSTOP to hive",
        "at 0.092 s: the run's clock moves by 300 s, 12 timers fire",
    ):
        assert expected in titles, (expected, titles)


def test_what_explains_a_failure_is_written_in_the_picture():
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn()[0])
    for expected in ("kill:after_tokens=12", "was ended by SIGKILL", "503", "SIGSTOP", "+5 min", "loading", "busy"):
        assert expected in texts, (expected, texts)


def test_id_of_a_fault_is_left_to_its_title():
    records = [{"record": "fault_armed", "name": "hive", "pid": 11, "ns": 20 * MS, "spec": spec} for spec in ("exit:id=f1,layer=8", "ignore-shutdown:id=f2")]
    html = timeline(LIVES, records, TestSpan(0, 100 * MS), is_open=False)
    assert ">exit:layer=8</text>" in html
    assert ">ignore-shutdown</text>" in html
    assert "fault exit:id=f1,layer=8 of hive is armed" in html


def test_labels_give_way_to_each_other():
    signals = [{"record": "signal_sent", "name": "library", "pid": 1, "ns": at * MS, "to": "hive", "to_pid": 11, "signal": f"SIG{at}"} for at in (50, 51, 52)]
    html = timeline(LIVES, signals, TestSpan(0, 100 * MS), is_open=False)
    found = [(float(x), text) for x, text in re.findall(r'<text class="s" x="([\d.]+)"[^>]*>(SIG\d+)</text>', html)]
    assert [text for _, text in found] == ["SIG50", "SIG51"]
    assert found == sorted(found)
    assert html.count("to hive</title>") == 3


def labels_of(html: str, *texts: str) -> list[tuple[str, float, float, bool]]:
    """Text, place, and whether it ends at that place, of each label with one of these texts."""
    found = re.findall(r'<text class="s" x="([\d.]+)" y="(\d+)"( text-anchor="end")?>([^<]*)</text>', html)
    return [(text, float(x), float(y), bool(ends)) for x, y, ends, text in found if text in texts]


def test_label_may_touch_the_edges_of_the_picture():
    began, ended, width = 110, 1086, 1100  # of the axis and of the picture, in pixels; a pixel is a tenth of a millisecond
    left, right = began + 8 * len("SIGTERM") + 7, width - 8 * len("Kill") - 3
    moments = [(x - began) * MS // 10 for x in (left, right, ended)]
    term = {"record": "signal_sent", "name": "library", "pid": 1, "ns": moments[0], "to": "hive", "to_pid": 11, "signal": "SIGTERM"}
    kill = KeywordSpan("k1", "Kill", (), 1, moments[1], moments[2], "PASS")
    html = timeline([ProcessSpan("hive", "hive", 11, 0, None)], [term], TestSpan(0, moments[2], None, [kill]), is_open=True)
    assert [(text, x, ends) for text, x, _, ends in labels_of(html, "SIGTERM", "Kill")] == [("SIGTERM", left - 7, True), ("Kill", right + 3, False)]


def test_labels_of_faults_that_are_armed_together_stand_around_them():
    specs = ("stall", "delay", "break", "kill")
    records = [{"record": "fault_armed", "name": "hive", "pid": 11, "ns": 50 * MS, "spec": spec} for spec in specs]
    html = timeline(LIVES, records, TestSpan(0, 100 * MS), is_open=False)
    x = float(re.search(r'<rect class="f" x="([\d.]+)"', html)[1])
    middle = float(re.search(r'y="(\d+)">hive</text>', html)[1])
    sides = [(text, place - x, y > middle, ends) for text, place, y, ends in labels_of(html, *specs)]
    assert sides == [("stall", 3, True, False), ("delay", -3, True, True), ("break", -3, False, True), ("kill", 3, False, False)]


def test_summary_says_where_the_axis_begins():
    assert "0.10 s; 0 s is 1.00 s after the start of the test</summary>" in timeline(LIVES, RECORDS, TestSpan(-1000 * MS, 100 * MS), is_open=False)
    assert "after the start" not in drawn()[0]


def test_lanes_are_in_the_order_of_the_calls():
    programs = ("keeper", "queen", "hub", "relay", "sshd", "hive", "worker")
    lives = [ProcessSpan(name, name, number, 10 * MS, None) for number, name in enumerate(sorted(programs), 1)]
    html = timeline(lives, [], TestSpan(0, 100 * MS), is_open=False)
    labels = [html.index(f">{name}</text>") for name in ("test", *programs)]
    assert labels == sorted(labels)


def test_folded_on_pass_and_open_on_failure():
    assert "<details class='rbee-timeline'>" in drawn()[0]
    assert "<details class='rbee-timeline' open>" in drawn(is_open=True)[0]


def test_nothing_from_elsewhere():
    html, _ = drawn()
    assert "<script" not in html
    assert re.findall(r"(?:href|src|url)\s*[=(]", html) == []


def test_twenty_processes_and_five_thousand_events_stay_small():
    lives = [ProcessSpan(f"worker-{number}", "worker", 100 + number, number * MS, None) for number in range(20)]
    records = []
    for number in range(5000):
        name, pid, at = f"worker-{number % 20}", 100 + number % 20, (30 + number) * MS
        if number % 5:
            records.append({"record": "token", "name": name, "pid": pid, "ns": at})
        else:
            records.append(
                {
                    "record": "request_in",
                    "name": name,
                    "pid": pid,
                    "ns": at,
                    "n": number,
                    "method": "GET",
                    "path": f"/v1/{number}",
                    "correlation_id": str(number),
                }
            )
    began = time.perf_counter()
    html = timeline(lives, records, TestSpan(0, 5100 * MS), is_open=True)
    took = time.perf_counter() - began
    assert len(html) < 300 * 1024, len(html)
    assert "750 requests are not drawn" in html
    print(f"{len(html) / 1024:.0f} KiB in {took * 1000:.0f} ms")
    ET.fromstring(re.search(r"<svg.*?</svg>", html, re.DOTALL)[0])


def request(at: float, n: int, *, path: str = "/v1/inference", status: int = 200, caller: str = "fake-hive", correlation: str = "c") -> list[dict]:
    common = {"name": "worker-1", "pid": 12, "n": n}
    arrival = {"record": "request_in", "ns": int(at * MS), "method": "GET", "path": path, "correlation_id": correlation, "caller": caller, **common}
    return [arrival, {"record": "answered", "ns": int((at + 0.1) * MS), "status": status, **common}]


def sent(at: float, n: int, *, target: str = "127.0.0.1:8001", failure: str | None = None, correlation: str = "c") -> list[dict]:
    common = {"name": "hive", "pid": 11, "n": n}
    out = {"record": "request_out", "ns": int(at * MS), "method": "GET", "path": "/v1/inference", "target": target, "correlation_id": correlation, **common}
    return [out, {"record": "answer_in", "ns": int((at + 0.2) * MS), "status": None if failure else 200, "failure": failure, **common}]


def arrows(records: list[dict], lives: list[ProcessSpan] = LIVES) -> list[ET.Element]:
    return arrows_of(timeline(lives, sorted(records, key=lambda record: record["ns"]), TestSpan(0, 100 * MS), is_open=False))


def arrows_of(html: str) -> list[ET.Element]:
    svg = ET.fromstring(re.search(r"<svg.*?</svg>", html, re.DOTALL)[0])
    return [element for element in svg.iter() if element.tag.endswith("}g") and element[0].get("class", "").split(" ")[0] == "a"]


def x_of(arrow: ET.Element) -> float:
    return float(re.match(r"M([\d.]+)", arrow[0].get("d"))[1])


def test_attempts_of_a_retry_are_drawn_each_at_its_time():
    records = [record for number, at in enumerate((20, 40, 60)) for record in (*sent(at, number), *request(at + 1, 100 + number, status=503))]
    places = [x_of(arrow) for arrow in arrows(records)]
    assert places == sorted(set(places))
    assert len(places) == 3


def test_requests_that_nobody_received_are_drawn_to_where_they_went():
    bound = {"record": "bound", "name": "worker-1", "pid": 12, "ns": 20 * MS, "port": 8001}
    records = [bound, *sent(30, 1, failure="Connection refused"), *sent(40, 2, target="127.0.0.1:9", failure="no answer within 5 s", correlation="d")]
    titles = [arrow[-1].text for arrow in arrows(records)]
    assert titles == [
        "at 0.027 s: hive -> worker-1: GET /v1/inference got no answer: Connection refused",
        "at 0.037 s: hive -> 127.0.0.1:9: GET /v1/inference got no answer: no answer within 5 s",
    ]
    assert all(arrow[0].get("class") == "a e n" for arrow in arrows(records))
    html = timeline(LIVES, records, TestSpan(0, 100 * MS), is_open=False)
    hive, worker = (int(re.search(rf'y="(\d+)">{name}</text>', html)[1]) for name in ("hive", "worker-1"))
    began, ended = map(int, re.match(r"M[\d.]+ (\d+)L[\d.]+ (\d+)", arrows_of(html)[-1][0].get("d")).groups())
    assert ended - began == (worker - hive) / 2, "between the lane of its sender and the next one"


def test_of_too_many_requests_the_latest_and_the_failed_ones_are_drawn():
    times = [10 + number * 0.08 for number in range(1000)]
    records = [one for number, at in enumerate(times) for one in request(at, number, correlation=f"c{number}", status=500 if number in (5, 500) else 200)]
    drawn_arrows = arrows(records)
    assert len(drawn_arrows) <= 250
    places = [x_of(arrow) for arrow in drawn_arrows]
    assert len([arrow for arrow in drawn_arrows if arrow[0].get("class") == "a e"]) == 2
    assert max(places) == x_of(arrows(records[-2:] + records[:2])[-1])
    assert len([place for place in places if place < 300]) > 15


def test_all_requests_are_drawn_as_long_as_they_are_not_too_many():
    questions = [one for number in range(125) for one in request(10 + number * 0.3, number, path="/v1/health", correlation=f"c{number}")]
    inferences = [one for number in range(125, 250) for one in request(10 + number * 0.3, number, correlation=f"c{number}")]
    assert len(arrows([*questions, *inferences])) == 250


def test_of_too_many_requests_routine_questions_are_not_drawn():
    inferences = [one for number in range(10) for one in request(10 + number, number, correlation=f"c{number}")]
    questions = [one for number in range(10, 300) for one in request(10 + number * 0.2, number, path="/v1/health", correlation=f"c{number}")]
    titles = [arrow[-1].text for arrow in arrows([*inferences, *questions])]
    assert len(titles) == 10
    assert all("/v1/inference" in title for title in titles)


def test_time_until_an_answer_is_exact_however_long_it_took():
    asked, answered = request(20, 1)
    html = timeline(LIVES, [asked, {**answered, "ns": 200_020 * MS}], TestSpan(0, 200_100 * MS), is_open=False)
    assert arrows_of(html)[0][-1].text == "at 0.017 s: test -> worker-1: GET /v1/inference 200, 200000.0 ms"


def test_probes_of_the_library_are_faint():
    found = arrows([*request(20, 1, caller="RbeeLibrary/0.1"), *request(30, 2, caller="fake-hive", correlation="d")])
    assert [arrow[0].get("class") for arrow in found] == ["a p", "a"]


def test_killed_process_is_dead_at_once_and_a_stopped_one_is_frozen_whoever_did_it():
    lives = [ProcessSpan("worker-1", "worker", 12, 10 * MS, 90 * MS, "was ended by SIGKILL"), ProcessSpan("hive", "hive", 11, 10 * MS, None, stopped=True)]
    records = [
        state("worker-1", 12, 20, "starting", "busy"),
        state("hive", 11, 30, "starting", "idle"),
        {"record": "signal_sent", "name": "library", "pid": 1, "ns": 50 * MS, "to": "worker-1", "to_pid": 12, "signal": "SIGKILL"},
    ]
    html = timeline(lives, records, TestSpan(0, 100 * MS), is_open=False)
    assert "worker-1 (pid 12) busy, 0.030 s" in html
    assert "hive (pid 11) frozen, 0.070 s" in html


def test_end_of_which_the_session_does_not_know_the_reason_yet_has_that_of_its_parent():
    lives = [ProcessSpan("worker-1", "worker", 12, 10 * MS, 50 * MS, "")]
    report = {"record": "process_exited", "name": "hive", "pid": 11, "ns": 60 * MS, "worker_id": "worker-1", "child": 12, "signal": 9}
    html = timeline(lives, [state("worker-1", 12, 20, "starting", "busy"), report], TestSpan(0, 100 * MS), is_open=False)
    assert "worker-1 was ended by SIGKILL" in html
    assert "worker-1 (pid 12) busy, 0.030 s" in html


def test_exit_code_of_which_only_its_parent_knows_is_told():
    report = {"record": "process_exited", "name": "hive", "pid": 11, "ns": 60 * MS, "worker_id": "worker-1", "child": 12, "exit_code": 3}
    html = timeline([ProcessSpan("worker-1", "worker", 12, 10 * MS, None)], [report], TestSpan(0, 100 * MS), is_open=False)
    assert "worker-1 exited with 3" in html


ALIVE = ProcessSpan("worker-1", "worker", 12, 20 * MS, None)


def test_program_that_was_started_before_begins_in_the_state_that_it_had():
    records = [state("worker-1", 12, 60, "idle", "busy")]
    bars = state_bars(replace(ALIVE, state="idle"), records, 40 * MS, 100 * MS)
    assert [(bar.began // MS, bar.ended // MS, bar.state) for bar in bars] == [(40, 60, "idle"), (60, 100, "busy")]


def test_long_silence_is_folded_and_the_rest_gets_its_room():
    records = [state("queen", 10, 8, "starting", "idle"), *request(50, 1), *request(5000, 2), *request(5030, 3)]
    html = timeline([ALIVE, *LIVES[1:]], records, TestSpan(0, 5100 * MS), is_open=True)
    assert re.search(r"nothing happens for 4\.\d s", html)
    assert "nothing happens: folded" in html[html.index("rt-legend") :]
    (folded,) = re.findall(r">([\d.]+ s folded)</text>", html)
    left, width = map(float, re.search(r'<rect class="w" x="([\d.]+)" y="\d+" width="([\d.]+)"', html).groups())
    ((_, place, _, ends),) = labels_of(html, folded)
    assert ends and abs(place - 8 * len(folded) / 2 - (left + width / 2)) < 0.2, "its label stands above the middle of what is folded"
    first, second, third = (x_of(arrow) for arrow in arrows_of(html))
    assert third - second > 150
    assert first > 200
    assert ">nothing happens: folded</span>" in html, "the legend explains it"
    assert "nothing happens: folded" not in drawn()[0]


def test_questions_of_the_library_do_not_keep_a_silence_open():
    polls = [one for number in range(40) for one in request(100 + 50 * number, 10 + number, path="/v1/health", caller="RbeeLibrary/0.1")]
    html = timeline([ALIVE, *LIVES[1:]], [state("queen", 10, 8, "starting", "idle"), *request(50, 1), *polls], TestSpan(0, 2200 * MS, 2190 * MS), is_open=True)
    assert re.search(r"nothing happens for [12]\.\d s", html)


def test_failure_and_keywords_are_marked():
    keywords = [KeywordSpan("k1", "Start Fleet", ("workers=1",), 1, 5 * MS, 40 * MS, "PASS"), KeywordSpan("k2", "Get State", (), 1, 50 * MS, 90 * MS, "FAIL")]
    html = timeline(LIVES, RECORDS, TestSpan(0, 100 * MS, 90 * MS, keywords), is_open=True)
    assert "at 0.087 s: the test failed" in html
    for text in ("failed", "Start Fleet", "Get State"):
        assert f">{text}</text>" in html
    assert "at 0.002 s: Start Fleet    workers=1" in html


def test_duration_of_an_answer_is_drawn():
    ended = {"record": "request_end", "name": "worker-1", "pid": 12, "n": 8, "ns": 80 * MS}
    html = timeline(LIVES, sorted([*RECORDS, ended], key=lambda record: record["ns"]), TestSpan(0, 100 * MS), is_open=True)
    assert "at 0.037 s: POST /v1/&lt;inference&gt; of worker-1 took 0.040 s" in html


def test_step_of_the_clock_stands_before_what_it_caused():
    step = {**RECORDS[-1], "began_ns": 75 * MS}
    assert "at 0.072 s: the run&#x27;s clock moves by 300 s" in timeline(LIVES, [*RECORDS[:-1], step], TestSpan(0, 100 * MS), is_open=True)


def test_legend_explains_what_is_drawn_and_nothing_else():
    html, _ = drawn()
    legend = html[html.index("rt-legend") :]
    assert all(text in html for text in ("armed fault", "fault acts", "end of a process", "request that failed"))
    assert "request that nobody received" not in legend
    assert "the test failed" not in legend
    assert "folded" not in legend


def test_long_names_are_whole():
    name = "worker-of-the-second-node-with-a-long-name"
    html = timeline([ProcessSpan(name, "worker", 12, 5 * MS, None)], [state(name, 12, 8, "starting", "idle")], TestSpan(0, 100 * MS), is_open=True)
    assert f">{name}</text>" in html


def test_state_of_no_duration_has_no_bar():
    span = ProcessSpan("worker-1", "worker", 7, began=100, ended=None)
    changes = [{"record": "state", "pid": 7, "ns": ns, "to": state} for ns, state in ((100, "loading"), (150, "idle"), (150, "busy"))]
    assert [(bar.state, bar.began, bar.ended) for bar in state_bars(span, changes, 0, 200)] == [("loading", 100, 150), ("busy", 150, 200)]


def test_keywords_of_the_test_are_marked_and_not_those_that_they_run():
    keywords = [KeywordSpan("k1", "My Own", (), 1, 10 * MS, 30 * MS, "PASS"), KeywordSpan("k2", "Start Fleet", (), 2, 11 * MS, 29 * MS, "PASS")]
    html = timeline(LIVES, RECORDS, TestSpan(0, 100 * MS, keywords=keywords), is_open=False)
    assert "My Own" in html
    assert "Start Fleet" not in html
