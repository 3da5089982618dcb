"""What the library draws and describes is what was approved, down to each coordinate and each limit of a field.

`data/approved/story.json` is what the journals of a test held: the lives of two workers, one of them killed by a fault, a keeper, a partition, two steps of
the clock, and a failure. The other files are its picture, traces and tables, and the OpenAPI documents of the services. Whoever changes one of them looks at
it, the picture in a browser, and approves it: `RBEE_APPROVE=1 pytest tests/unit/test_approved.py`.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from RbeeLibrary.protocol.options import VERSION
from RbeeLibrary.protocol.schema.openapi import document
from RbeeLibrary.protocol.schema.routes import SERVICES
from RbeeLibrary.report.cause import likely_cause
from RbeeLibrary.report.evidence_tables import faults_and_hits, folded_table, last_requests
from RbeeLibrary.report.failed_check import FailedCheck, FailedKeyword
from RbeeLibrary.report.history import History
from RbeeLibrary.report.nearest_event import nearest_event
from RbeeLibrary.report.rules.fleet_rules import misbehaviour
from RbeeLibrary.report.stream_table import stream_table
from RbeeLibrary.report.trace.keyword_span import KeywordSpan
from RbeeLibrary.report.trace.open_telemetry import otlp_json
from RbeeLibrary.report.trace.process_spans import ProcessSpan
from RbeeLibrary.report.trace.timeline import TestSpan, timeline
from RbeeLibrary.report.trace.trace_events import TraceEvents, chrome_trace

FOLDER = Path(__file__).parent.parent / "data/approved"
STORY = json.loads((FOLDER / "story.json").read_text())
KEYWORDS = [KeywordSpan(**{**keyword, "arguments": tuple(keyword["arguments"])}) for keyword in STORY["keywords"]]
TEST = TestSpan(**STORY["test"], keywords=KEYWORDS)
SPANS = [ProcessSpan(**span) for span in STORY["spans"]]
RECORDS = STORY["records"]
EVENTS = TraceEvents(SPANS, RECORDS, TEST, STORY["printed"]).events()
ABOUT = {"test": "Story", "status": "FAIL"}


def picture() -> str:
    return timeline(SPANS, RECORDS, TEST, is_open=True).replace("><", ">\n<")


def chrome() -> str:
    return chrome_trace(EVENTS, ABOUT).replace('{"ph":', '\n{"ph":')


def telemetry() -> str:
    return otlp_json(EVENTS, RECORDS[0]["wall"] - RECORDS[0]["ns"] / 1e9, ABOUT).replace('{"traceId":', '\n{"traceId":')


FAILED_WITH = [
    "number of workers listed by hive is 1, expected == 7",
    "state of worker-2 is unreachable, expected == idle (after 2.0 s)",
    "state of worker-1 is frozen, expected == idle (after 2.0 s)",
    "number of requests queen POST /v2/tasks answered with 200 is 1, expected == 2",
    "exit code of keeper is 0, expected == 1",
    "HTTPError: 504 Server Error: Gateway Timeout for url: http://127.0.0.1:{queen}/v2/tasks",
    "Teardown failed:\nthe fleet misbehaved, findings: 1\nstream end: worker-2 ended in the middle of the stream of {inference}",
    "1 != 2",
]
"""Messages of failed checks; each has its nearest event and its likely cause in `tables.txt`."""


def tables() -> str:
    names = {"queen": next(one["target"] for one in RECORDS if one.get("path") == "/v2/workers/ready").rpartition(":")[2]}
    names["inference"] = next(one["request_id"] for one in RECORDS if one["record"] == "inference_started" and one["name"] == "worker-2")
    keyword = FailedKeyword("Check It", (), "story.robot, line 30")
    checks = [
        FailedCheck(text.format(**names), TEST.failed, keyword, frozenset({"worker-1"}), {"keeper": "done"}, {int(names["queen"]): "queen"})
        for text in FAILED_WITH
    ]
    arrived = [("Hel", 2.5), ("lo <", 2.75)]
    return "\n".join(
        [
            *(line for check in checks for line in (f"* {check.message}", likely_cause(RECORDS, check), str(nearest_event(RECORDS, check)), "")),
            *(finding.shown(TEST.began) for finding in misbehaviour(History(RECORDS), TEST.began)),
            *("    ".join(row) for row in last_requests(RECORDS, TEST.failed)),
            *("    ".join(row) for row in faults_and_hits(RECORDS)),
            folded_table("<title>", ("a", "b"), [("1", "<2>")]),
            stream_table("req-1 of worker-1", "broken", ": cut", 2.0, arrived),
        ]
    )


def openapi(service: str) -> str:
    return json.dumps(document(service, VERSION), indent=1)


FORMS: dict[str, Callable[[], str]] = {
    "picture.txt": picture,
    "chrome.txt": chrome,
    "telemetry.txt": telemetry,
    "tables.txt": tables,
    **{f"openapi-{service}.json": partial(openapi, service) for service in SERVICES},
}


@pytest.mark.parametrize("name", FORMS)
def test_form_is_the_approved_one(name: str):
    path, now = FOLDER / name, FORMS[name]()
    if os.environ.get("RBEE_APPROVE"):
        path.write_text(now + "\n")
    changes = list(difflib.unified_diff(path.read_text().splitlines(), now.splitlines(), "approved", "now", n=0, lineterm=""))
    assert not changes, "\n".join([f"{len(changes)} lines of {name} are others:", *changes[:12]])
