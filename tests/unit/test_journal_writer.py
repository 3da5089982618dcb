"""Journals that cannot be written."""

from __future__ import annotations

from RbeeLibrary.clock.clock import Clock
from RbeeLibrary.journal.writer import Journal


def test_journal_that_is_lost_is_named_once(tmp_path):
    lost: list[str] = []
    path = tmp_path / "no folder/journal.jsonl"
    journal = Journal(str(path), "fake-worker", Clock(None), on_lost=lost.append)
    journal.record("bound", port=1)
    assert lost == [f"the journal {path} cannot be written: No such file or directory"]
