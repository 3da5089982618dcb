"""For which ends a reader of all journals waits: those that a parent is still there to report."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from RbeeLibrary.session.journals import Journals

KILL = {"ns": 1, "record": "signal_sent", "signal": "SIGKILL", "to": "worker-1"}
REPORT = {"ns": 2, "record": "process_exited", "role": "worker-1", "child": 12}


@pytest.fixture
def settled(tmp_path):
    """Reads all records of a run whose hive has not reported yet that its worker was killed; `await_news` is what happens meanwhile."""
    (tmp_path / "library-1.jsonl").write_text(json.dumps(KILL) + "\n")

    def read(await_news, *, frozen: bool) -> list[str]:
        hive = SimpleNamespace(name="hive", pid=11, ppid=10, alive=True, frozen=frozen, ended=None, exit_code=None)
        worker = SimpleNamespace(name="worker-1", pid=12, ppid=11, alive=False, frozen=False, ended=None, exit_code=None)
        known = {one.name: one for one in (hive, worker)}
        supervisor = SimpleNamespace(processes=lambda: list(known.values()), await_news=await_news)
        journals = Journals(SimpleNamespace(supervisor=supervisor), SimpleNamespace(process_or_none=known.get), SimpleNamespace(folder=lambda name: tmp_path))
        return [record["record"] for record in journals.settled()]

    return read


def test_end_that_a_hive_is_about_to_report_is_waited_for(settled, tmp_path):
    def report(limit: float) -> None:
        (tmp_path / "hive-11.jsonl").write_text(json.dumps(REPORT) + "\n")

    assert settled(report, frozen=False) == ["signal_sent", "process_exited"]


def test_frozen_hive_is_not_waited_for_since_it_reports_no_end(settled):
    def never(limit: float) -> None:
        raise AssertionError("the end of worker-1 is waited for")

    assert settled(never, frozen=True) == ["signal_sent"]
