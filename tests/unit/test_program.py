"""The end of a program: who asks for it, and what is in its journal then."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from running import robot_env

from RbeeLibrary.errors import RbeeLibraryError
from RbeeLibrary.fakes.runtime.program import Program

ENDS = """
import sys
from RbeeLibrary.fakes.runtime.program import Program, exit_now
program = Program("fake-worker")
program.journal.record("bound", port=1)
exit_now(3)
"""


def test_program_is_at_work_from_the_moment_its_end_is_requested(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    program = Program("fake-worker")
    activity = program.clock.activity
    program._main.begin()  # as while it waits for a reason to end
    assert activity.at_work == 0
    program.request_shutdown("told to")
    assert activity.at_work == 1
    assert program.next_event() == "told to"


def test_timer_of_real_time_is_work_of_its_program(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    program, seen = Program("fake-worker"), queue.SimpleQueue()
    program.real_clock.call_at(program.real_clock.now(), lambda: seen.put(program.clock.activity.working()), "limit")
    assert "limit" in seen.get(timeout=60)


def test_journal_of_a_program_that_has_ended_holds_its_records_only(tmp_path):
    done = subprocess.run([sys.executable, "-c", ENDS], env=robot_env({"RBEE_JOURNALS": str(tmp_path)}), timeout=60)
    (journal,) = tmp_path.iterdir()
    assert done.returncode == 3
    (line,) = journal.read_bytes().splitlines()
    assert json.loads(line)["record"] == "bound"


def test_connection_that_is_held_back_is_recorded_with_its_target(tmp_path, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    program = Program("fake-queen", journal=str(tmp_path / "journal.jsonl"))
    program.reach.hold(("127.0.0.1", 9200))
    program.journal.close()
    (record,) = map(json.loads, (tmp_path / "journal.jsonl").read_text().splitlines())
    assert (record["record"], record["target"]) == ("held_back", "127.0.0.1:9200")


@pytest.mark.parametrize(("error", "recorded"), [(KeyError("x"), ["own_error"]), (OSError("no route"), []), (RbeeLibraryError("told"), [])])
def test_own_error_of_a_background_job_is_recorded_and_no_other(monkeypatch, capsys, error, recorded):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    program, records = Program("fake-worker"), []
    program.journal = SimpleNamespace(record=lambda kind, **fields: records.append(kind))
    program._thread_failed(threading.ExceptHookArgs((type(error), error, None, threading.current_thread())))
    assert records == recorded
