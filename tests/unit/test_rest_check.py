"""Whether a run is at rest, by what its programs say of their children and what the process table says of them."""

from __future__ import annotations

import pytest

from RbeeLibrary.clock.activity import Activity, ChildActivity
from RbeeLibrary.clock.member_state import MemberState
from RbeeLibrary.clock.report import Report
from RbeeLibrary.clock.rest_check import ProcessLook, RestCheck

CHILD = 77
SIGTERM, SIGKILL = 15, 9


def why_not(child: ChildActivity, look: ProcessLook, gone: dict[int, int]) -> str | None:
    """Why a run of one hive, which is at rest itself, has to wait for a child of it that is no member of the run."""
    own = Activity()
    with own.mutex:
        own.step_back()
    hive = MemberState(None, 5, "hive", 9200, report=Report(0, 0, [], [], [child], {}, True))
    return RestCheck({5: hive}, own, gone, {CHILD: look}.__getitem__, lambda pid: {}).why_not()


@pytest.mark.parametrize(
    ("look", "awaited", "signals", "gone"),
    [
        (ProcessLook.gone, False, {}, {}),
        (ProcessLook.alive, False, {}, {CHILD: 8001}),
        (ProcessLook.alive, True, {}, {}),
        (ProcessLook.alive, False, {SIGKILL: 1}, {}),
    ],
)
def test_start_or_end_of_a_child_is_waited_for(look, awaited, signals, gone):
    child = ChildActivity(CHILD, awaited, signals=signals)
    assert why_not(child, look, gone) == "hive has not noticed that its child 77 started or ended"


@pytest.mark.parametrize(
    ("look", "awaited", "signals"), [(ProcessLook.alive, False, {}), (ProcessLook.alive, False, {SIGTERM: 1}), (ProcessLook.frozen, True, {SIGKILL: 1})]
)
def test_child_that_runs_on_or_is_frozen_is_not_waited_for(look, awaited, signals):
    assert why_not(ChildActivity(CHILD, awaited, signals=signals), look, {}) is None
