"""What keywords write into the log is what was approved; numbers that differ from run to run are left out."""

from __future__ import annotations

import difflib
import os
import re
from html import unescape

from robot.api import ExecutionResult
from robot.result.visitor import ResultVisitor
from running import ROOT, robot

SUITE = ROOT / "tests/data/library_suites/log_messages.robot"
APPROVED = ROOT / "tests/data/approved/log_messages.txt"
DIFFERENT = [
    (r" \(after [\d.]+ m?s\)", ""),
    (r"127\.0\.0\.1:\d{2,}", "127.0.0.1:PORT"),
    (r"(port |--port |\} = )\d{4,5}\b", r"\1PORT"),
    (r"(pid |--for )\d+", r"\1PID"),
    (r"^ *\d+( +)(?=fake-|mock-)", r"PID\1"),
    (r"\d+(?:\.\d+)? ms\b", "TIME"),
    (r"(due in )[\d.]+(?= s)", r"\1TIME"),
    (r"\b\d+\.\d{3,}\b|^\d+\.\d$", "TIME"),
    (r"\d{4}-\d\d-\d\d[T ][\d:.]+Z?", "DATE"),
    (r"(_unix': )\d+", r"\1DATE"),
    (r"(?<![:/\w])/(?!v\d)\S+/", "FOLDER/"),
]
"""What differs from run to run, and what is written instead."""


class Messages(ResultVisitor):
    """Collects test, keyword and message of everything that keywords of this library log."""

    def __init__(self):
        self.lines: list[str] = []

    def start_test(self, test):
        self.lines += ["", f"=== {test.name}"]

    def start_keyword(self, keyword):
        if keyword.owner == "RbeeLibrary":
            self.lines.append(keyword.name)
            self.lines += [f"    {line}" for message in keyword.messages if message.level != "DEBUG" for line in _shown(message.message)]


def _shown(text: str) -> list[str]:
    text = unescape(re.sub(r"<[^>]+>", "\n", text))
    for pattern, name in DIFFERENT:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return [line for line in text.splitlines() if line.strip()]


def test_log_messages_are_the_approved_ones(tmp_path):
    run = robot(tmp_path, str(SUITE))
    assert {name: test.message for name, test in run.tests().items() if test.status == "FAIL"} == {}
    messages = Messages()
    ExecutionResult(tmp_path / "output.xml").visit(messages)
    if os.environ.get("RBEE_APPROVE"):
        APPROVED.write_text("\n".join(messages.lines) + "\n")
    changes = list(difflib.unified_diff(APPROVED.read_text().splitlines(), messages.lines, "approved", "now", n=0, lineterm=""))
    assert not changes, "\n".join(changes[:12])
