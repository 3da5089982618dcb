"""What is known of the programs when a test fails or ends: states, exit codes, last words, journals."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from RbeeLibrary import Rbee


@pytest.fixture
def rbee(tmp_path):
    with Rbee(tmp_path) as one:
        yield one


def rows(table: str) -> dict[str, list[str]]:
    """First cell of each row of a table -> its other cells."""
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return {first: others for first, *others in filter(None, cells)}


def cause(rbee: Rbee, message: str) -> str:
    return str(rbee.session.evidence.verdict(message, time.monotonic_ns())[0].cause)


def test_programs_are_shown_with_their_states_exit_codes_and_last_lines(rbee):
    queen = rbee.start_queen()
    worker = rbee.start_worker("alone", hive=None)
    rbee.kill("alone")
    html = rbee.session.evidence.snapshot("Get State")
    assert rows(html) == {
        "queen": ["queen", str(queen.pid), "nursery", "alive, idle", "", str(queen.port)],
        "alone": ["worker", str(worker.pid), "nursery", "was ended by SIGKILL", "-9", str(worker.port)],
    }
    assert html.count(f" serves on {queen.url}") == 1
    of_queen, of_alone = re.findall(r"<code>(.*?)</code>", html)
    assert of_queen.startswith("fake-queen --port ")
    assert of_alone == "", "nobody knows the command line of a program that is gone"
    assert f"alone (pid {worker.pid}, below nursery): was ended by SIGKILL" in rbee.session.evidence.as_text()


def test_workers_are_shown_as_themselves_their_hive_and_the_queen_see_them(rbee):
    rbee.start_worker("alone", hive=None)
    assert rows(rbee.session.evidence.verdict("no", time.monotonic_ns())[1][0]) == {"alone": ["idle", "has no hive", "there is none"]}
    rbee.start_fleet(workers=1)
    views = rows(rbee.session.evidence.verdict("no", time.monotonic_ns())[1][0])
    in_time = {name: ["idle" if cell == "no answer" else cell for cell in cells] for name, cells in views.items()}  # they are not waited for
    assert in_time == {"alone": ["idle", "has no hive", "unlisted"], "worker-1": ["idle", "idle", "idle"]}


def test_program_that_somebody_else_has_stopped_is_the_cause(rbee):
    worker = rbee.start_worker("alone", hive=None)
    os.kill(worker.pid, signal.SIGSTOP)
    rbee.wait_until_state("alone", "frozen", seen_by="process")
    assert cause(rbee, "state of alone is frozen, expected == idle") == "alone is stopped by a signal that was not sent through this library"


def test_what_a_keeper_said_last_is_the_cause_of_its_exit_code(rbee):
    said = rbee.run_keeper("workers", "lst")
    assert said.rc == 2
    last = said.stderr.splitlines()[-1]
    assert cause(rbee, "exit code of keeper is 2, expected == 0").endswith(f" before the failure: {last}")


def test_line_with_an_error_is_the_cause_although_others_follow(rbee, tmp_path):
    keeper = tmp_path / "rbee"
    keeper.write_text("#!/bin/sh\nprintf 'Error: no such node\\n\\nCaused by:\\n    nobody knows\\n' >&2\nexit 1\n")
    keeper.chmod(0o700)
    assert rbee.run_keeper("workers", "list", program=str(keeper)).rc == 1
    assert cause(rbee, "exit code of keeper is 1, expected == 0").endswith(" before the failure: Error: no such node")


def test_end_that_no_program_reports_is_known_from_its_moment_on(rbee):
    for name in ("first", "second"):
        rbee.start_worker(name, hive=None)
    journals = rbee.session.journals
    rbee.kill("first")
    between = journals.mark()
    rbee.kill("second")
    after = journals.mark()

    def ended(*since):
        return [record["role"] for record in journals.settled(*since) if record["record"] == "process_exited"]

    assert (ended(), ended(between), ended(after)) == (["first", "second"], ["second"], [])


def test_journals_of_all_programs_are_checked_at_the_end(rbee):
    pids = {daemon.name: daemon.pid for daemon in (rbee.start_queen(), rbee.start_worker("alone", hive=None))}
    journals = rbee.session.judge.journals_to_check()
    assert {name: path.name for name, path in journals} == {name: f"{name}-{pid}.jsonl" for name, pid in pids.items()}
    assert all(path.is_file() for _, path in journals)
