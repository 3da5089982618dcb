"""Chaos replays, finds a planted bug, and shrinks it to the few steps that matter."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from chaos_seeds import SUITE, row
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations.run import patched_copy
from mutations.table import MUTATIONS
from running import ROOT, portion, robot

from RbeeLibrary import Rbee
from RbeeLibrary.faults.registry import KINDS
from RbeeLibrary.session.judging.chaos_run import ChaosRun
from RbeeLibrary.session.judging.chaos_schedule import DISTURBANCES, Step, schedule, shrunk
from RbeeLibrary.session.judging.chaos_shrinking import ChaosShrinking, _certainty

PROGRAMS = {"queen": ["queen"], "hive": ["hive"], "worker": ["worker-1", "worker-2"]}
PLANTED = "broken stream passed on as complete"
REPLAYS = 3


def test_schedule_is_the_same_to_the_byte():
    """Written down once: a change of it breaks the seeds that people have noted."""
    steps = schedule(7, PROGRAMS, sorted(DISTURBANCES), 60.0, 5)
    assert "\n".join(map(str, steps)) == EXPECTED


EXPECTED = """\
   1.453 s  Inject Fault    hive    refuse    delay=1.187s    times=1
  16.020 s  Terminate    worker-2
  25.506 s  Inject Fault    hive    refuse    delay=0.87s    times=2
  28.633 s  Restart    worker-2    timeout=5s
  32.036 s  ${chaos-0} =    Submit Inference    question 0    to=queen    max_tokens=12    request_id=chaos-0    timeout=20s
  49.405 s  Inject Fault    hive    refuse    delay=8.871s    times=2"""


@given(st.integers(0, 2**31), st.integers(1, 40), st.floats(0.5, 600))
@settings(max_examples=60, deadline=None, database=None)
def test_schedules_are_in_order_and_begin_with_a_question(seed, count, duration):
    steps = schedule(seed, PROGRAMS, sorted(DISTURBANCES), duration, count)
    assert steps == schedule(seed, PROGRAMS, sorted(DISTURBANCES), duration, count)
    assert count <= len(steps) <= 2 * count
    assert all(earlier.at < later.at for earlier, later in zip(steps, steps[1:], strict=False))
    assert any(step.keyword == "Submit Inference" for step in steps)


def test_programs_are_killed_ended_and_kept_from_each_other_equally_often():
    keywords = Counter(step.keyword for step in schedule(7, PROGRAMS, [], 600.0, 3000))
    kept_apart = keywords["Freeze"] + keywords["Partition"]
    assert all(0.8 * kept_apart < keywords[other] < 1.25 * kept_apart for other in ("Kill", "Terminate")), keywords
    assert 0.8 * keywords["Freeze"] < keywords["Partition"] < 1.25 * keywords["Freeze"], keywords


def test_disturbances_are_faults():
    assert set(DISTURBANCES) <= set(KINDS)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30, unique=True), st.data())
@settings(max_examples=80, deadline=None, database=None)
def test_shrinking_leaves_nothing_out_that_matters(moments, data):
    steps = [Step(float(at), "Kill", (f"worker-{at}",)) for at in sorted(moments)]
    matter = set(data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=4)))
    assert set(shrunk(steps, lambda part: matter <= set(part), lambda: True)) == matter


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (8, "0123 4567 01 23 45 67 234567 014567 01 45 67 4567 0167 01 67 0 1 6 7 167"),
        (12, "012345 6789ab 012 345 678 9ab 3456789ab 0126789ab 012 678 9ab"),
    ],
)
def test_shrinking_goes_on_with_parts_of_the_same_size_when_one_could_be_left_out(count, expected):
    steps = [Step(float(at), "Kill", (f"worker-{at}",)) for at in range(count)]
    needed, tried = [steps[0], steps[-1]], []

    def fails(part: list[Step]) -> bool:
        tried.append("".join(f"{int(step.at):x}" for step in part))
        return set(needed) <= set(part)

    assert shrunk(steps, fails, lambda: True) == needed
    assert " ".join(tried).startswith(expected)


def test_shrinking_ends_when_its_time_is_over():
    steps = [Step(float(at), "Kill", ("worker-1",)) for at in range(16)]
    left = iter([True] * 3)
    assert len(shrunk(steps, lambda part: steps[0] in part, lambda: next(left, False))) < 16


def test_suite_has_the_fleets_of_the_long_run():
    assert "\n".join(map(row, range(1, 21))) in (ROOT / "suites/chaos.robot").read_text()


def test_seeds_break_nothing(tmp_path):
    """Three of nine with each commit, all with RBEE_LONG=all."""
    seeds = portion([f"Seed {number}" for number in range(1, 10)], 3, "RBEE_LONG")
    words = [word for seed in seeds for word in ("--test", seed)]
    run = robot(tmp_path, "-v", "CHAOS:none", *words, str(ROOT / "suites/chaos.robot"))
    assert {name: test.message for name, test in run.tests().items() if test.status != "PASS"} == {}
    assert set(run.tests()) == set(seeds)


def test_planted_bug_is_found_and_shrunk_and_comes_again(tmp_path):
    """A queen that ends a broken stream as if it were whole. Seed 7 meets it each time, others only where two things happen at the same moment."""
    broken = patched_copy(next(one for one in MUTATIONS if one.name == PLANTED), tmp_path / "broken")
    (broken / "results").mkdir()
    found = robot(broken / "results", "-v", "CHAOS:none", "--test", "Seed 7", str(broken / "suites/chaos.robot"), package=broken)
    assert {name: test.status for name, test in found.tests().items()} == {"Seed 7": "FAIL"}
    name, test = "Seed 7", found.tests()["Seed 7"]
    seed = name.split()[1]
    steps = [line for line in test.message.splitlines() if re.match(r" +\d+\.\d{3} s  ", line)]
    assert len(steps) <= 3, test.message
    assert "truncated as complete: queen passed the truncated stream of" in test.message
    pasted = (broken / f"results/rbee/chaos-seed-{seed}.robot").read_text()
    assert all(line.split(" s  ", 1)[1] in pasted for line in steps)
    head, body = pasted.split(f"Chaos Of Seed {seed}\n")
    copies = "\n".join(f"Replay {number}\n{body}" for number in range(REPLAYS))
    (tmp_path / "pasted.robot").write_text(head + copies)
    rows = row(int(seed)).split("    ", 1)[1]
    again = "\n".join(f"Replay {number}    {rows}" for number in range(REPLAYS))
    (tmp_path / "again.robot").write_text(SUITE.format(rows=again).replace("seed=${seed}", "seed=${seed}    shrink=0"))
    for suite in ("pasted", "again"):
        folder = tmp_path / f"of-{suite}"
        folder.mkdir()
        replays = robot(folder, str(tmp_path / f"{suite}.robot"), package=broken).tests()
        assert len(replays) == REPLAYS
        recurred = [one for one in replays.values() if one.status == "FAIL" and "truncated as complete" in one.message]
        assert len(recurred) >= REPLAYS - 1, f"{suite}: {len(recurred)} of {REPLAYS}"


ARMED = """\
*** Settings ***
Library    RbeeLibrary

*** Test Cases ***
Armed Before
    Start Fleet    workers=2    token_delay=500ms
    Inject Fault    queen    mend stream
    Unleash Chaos    seed=7

Not Shrunk
    Start Fleet    workers=2    token_delay=500ms
    Inject Fault    queen    mend stream
    Unleash Chaos    seed=7    shrink=0
"""


def test_fault_of_the_test_is_part_of_every_run_and_the_evidence_is_that_of_a_run_that_failed(tmp_path):
    (tmp_path / "armed.robot").write_text(ARMED)
    run = robot(tmp_path, str(tmp_path / "armed.robot"))
    test = run.tests()["Armed Before"]
    first, *steps = test.message.splitlines()
    drawn = r"steps were drawn, (\d+ of them could not be done, .*; )?with fault mend-stream of queen armed before, these matter "
    assert re.search(drawn + r"\(shrunk from \d+ to [1-4] steps in \d+ runs; they failed again in [123] of 3 runs\):$", first)
    assert "truncated as complete: queen" in test.message
    assert "; then the injected fault mend-stream of queen acted on /v2/tasks" in test.message
    pasted = (tmp_path / "rbee/chaos-seed-7.robot").read_text()
    assert "    Inject Fault    queen    mend stream\n" in pasted
    shown = " ".join(str(item.message) for item in test.body if item.type == item.MESSAGE)
    assert "<summary>chaos-" not in shown  # streams of trials
    page = Path(next(line for line in test.message.splitlines() if line.startswith("trace: ")).removeprefix("trace: "))
    events = json.loads((page.parent / "trace.json").read_text())["traceEvents"]
    assert any(event["name"] == "fault mend-stream acts" for event in events)
    kept = [event for event in events if event.get("cat") == "request" and event["name"] == "POST /v2/tasks"]
    assert 1 <= len(kept) <= 4
    whole = run.tests()["Not Shrunk"].message.splitlines()[0]
    assert whole.endswith("these were done (shrink=0, so nobody has tried which of them matter):")


def test_fleet_that_refuses_before_the_chaos_is_reported_with_a_file_that_repeats_it(tmp_path):
    with Rbee(tmp_path) as rbee:
        rbee.start_fleet(workers=1, token_delay="500ms")
        rbee.inject_fault("queen", "status", path="/v2/tasks", status=503)
        result = ChaosRun(rbee.session, print).unleash(7, [], 60.0, 5, 60.0)
    assert result.findings[0].startswith("inferences: the fleet refused one before the chaos began, so nothing would be tried (503 ")
    assert (len(result.drawn), result.steps, result.certainty) == (6, [], "none was done:")
    head, body = result.robot_file.split("\nChaos Of Seed 7\n")
    assert head.startswith("*** Settings ***\nLibrary         RbeeLibrary\n")
    assert [line.split()[:2] for line in body.splitlines()[:3]] == [["Start", "Fleet"], ["Inject", "Fault"], ["Set", "Time"]]


NO_HIVES = {"hives": 0, "workers": 0, "slots": None, "prefix": "", "timeout": None, "queen": None}


def test_evidence_is_kept_of_runs_that_fail_in_the_same_way_only(tmp_path):
    findings = iter([["tokens: the same"], ["stream end: another one"]])
    kept = []
    with Rbee(tmp_path) as rbee:

        def run(steps, end):
            kept.append(rbee.session.evidence.kept)
            return list(steps), next(findings, [])

        step = Step(1.0, "Kill", ("queen",))
        shrunk_to = ChaosShrinking(rbee.session, NO_HIVES, [], run, print).shrink([step], 2.0, ["tokens: the first"], 60.0)
        assert (shrunk_to.steps, shrunk_to.findings) == ([step], ["tokens: the same"])
        first, same, *later = [*kept, rbee.session.evidence.kept]
        assert same is not first
        assert all(one is same for one in later)


def test_steps_that_did_not_fail_again_are_not_called_the_cause():
    assert _certainty(20, 19, 28, 0) == (
        "these remain, but did not fail again in 3 runs, so they may not be the cause (shrunk from 20 to 19 steps in 28 runs):"
    )


ASKED = Step(2.0, "Submit Inference", ("question", "to=queen", "max_tokens=4", "request_id=chaos-0", "timeout=20s"), "chaos-0")


def test_program_that_is_still_frozen_at_the_end_is_resumed_and_that_is_a_step(tmp_path):
    frozen = Step(1.0, "Freeze", ("worker-1",))
    with Rbee(tmp_path) as rbee:
        rbee.start_fleet(workers=1)
        assert ChaosRun(rbee.session, print).run([frozen], 2.0) == ([frozen, Step(2.0, "Resume", ("worker-1",))], [])


def test_stream_that_a_fault_of_the_schedule_has_cut_is_no_finding(tmp_path):
    cut = Step(1.0, "Inject Fault", ("worker-1", "half event", "after_tokens=2"))
    log = []
    with Rbee(tmp_path) as rbee:
        rbee.start_fleet(workers=1)
        assert ChaosRun(rbee.session, log.append)._fresh_run([cut, ASKED], 5.0) == ([cut, ASKED], [])
    assert log == []
