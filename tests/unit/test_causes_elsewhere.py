"""What the likely cause is if nothing is wrong with the programs that a message names, or if it names none."""

from __future__ import annotations

from test_cause_rules import at, cause


def test_death_that_nobody_meant_is_named_wherever_it_was():
    records = [at(90, "hive", "process_exited", worker_id="worker-12", child=42, exit_code=3)]
    assert cause(records, "apples != pears") == "worker-12 ended with exit code 3, 10.0 ms before the failure"
    said = "worker-12 was killed by SIGTERM, which no keyword and no program of this run sent, 10.0 ms before the failure"
    assert cause([at(90, "hive", "process_exited", worker_id="worker-12", child=42, signal=15)], "apples != pears") == said


def test_end_of_a_program_that_was_started_again_hides_no_later_trouble():
    ended = [at(50, "hive", "process_exited", worker_id="worker-1", child=31, exit_code=3), at(60, "worker-1", "bound", port=8001)]
    callback = at(70, "worker-12", "callback_failed", target="http://127.0.0.1:9", reason="Connection refused")
    assert cause([*ended, callback], "apples != pears").startswith("a ready callback of worker-12 to http://127.0.0.1:9 failed")
