"""A schedule of chaos as a .robot file that repeats it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from RbeeLibrary.report.rules.fleet_rules import FleetRule
from RbeeLibrary.session.judging.chaos_run import ChaosRun, allowed_by, as_test
from RbeeLibrary.session.judging.chaos_schedule import Step
from RbeeLibrary.session.types import TokenTexts

STEPS = [
    Step(1.5, "Submit Inference", ("question 0", "to=queen"), "chaos-0"),
    Step(2.0, "Partition", ("hive | worker-1",)),
    Step(4.25, "Kill", ("worker-1",)),
]
FILE = """\
*** Settings ***
Library         RbeeLibrary

*** Test Cases ***
Chaos Of Seed 7
    Start Fleet    workers=1
    Set Time Rate    0
    Advance Time    1.500 s
    ${chaos-0} =    Submit Inference    question 0    to=queen
    Advance Time    0.500 s
    Partition    hive | worker-1
    Advance Time    2.250 s
    Kill    worker-1
    Advance Time    5.751 s
    Clear Faults
    Heal
    Advance Time    100 s
    Fleet Should Have Behaved    stream end
    Advance Time    260 s
    Fleet Should Have Behaved    stream end
    Tokens Should Add Up    texts=generated
"""


def test_file_has_all_steps_at_their_times_and_the_checks_after_them():
    assert as_test(7, STEPS, 10.0, ["Start Fleet    workers=1"], TokenTexts.generated, [FleetRule.STREAM_END]) == FILE


def test_fleet_is_started_as_the_test_has_started_it():
    run = ChaosRun(SimpleNamespace(), print)
    run._recipe = {"workers": 2, "token_delay": timedelta(milliseconds=500), "timeout": 20.0, "api_key": "secret", "prefix": "", "answer": None}
    assert run._recipe_line() == "Start Fleet    workers=2    token_delay=0.5s    timeout=20s    api_key=%{RBEE_API_KEY}"


@pytest.mark.parametrize(("kind", "allowed"), [("half event", [FleetRule.STREAM_END]), ("delay", [])])
def test_stream_may_lack_its_end_only_where_a_fault_cuts_it(kind, allowed):
    assert allowed_by([*STEPS, Step(5.0, "Inject Fault", ("worker-1", kind))]) == allowed
