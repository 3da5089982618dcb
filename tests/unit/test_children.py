"""Until when the run's clock waits for a process that a program has started."""

from __future__ import annotations

import socket

import pytest

from RbeeLibrary.clock.activity import Activity, ChildActivity
from RbeeLibrary.clock.member_state import MemberState
from RbeeLibrary.clock.report import Report
from RbeeLibrary.clock.rest_check import ProcessLook, RestCheck
from RbeeLibrary.run.json_channel import JsonChannel

PID = 77


def test_child_is_listed_until_its_ready_line_is_read_and_its_end_is_handled():
    activity = Activity()
    child = activity.child_started(PID)
    activity.child_is_ready(child)
    assert activity.children() == [child]
    activity.child_ended(PID)
    assert activity.children() == []
    child = activity.child_started(PID)
    activity.child_ended(PID)
    assert activity.children() == [child]
    activity.child_is_ready(child)
    assert activity.children() == []


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (ProcessLook.alive, "process 77, which queen has started, has not joined the run yet"),
        (ProcessLook.frozen, None),
        (ProcessLook.gone, None),
    ],
)
def test_process_that_is_expected_to_join_is_waited_for_while_it_is_alive(look, why):
    with socket.socket() as unused:
        report = Report(0, 0, [], [], [ChildActivity(PID, joins=True)], {}, True)
        members = {3: MemberState(JsonChannel(unused), pid=10, name="queen", report=report)}
        own = Activity()
        own.at_work = 0
        check = RestCheck(members, own, {}, lambda pid: look if pid == PID else ProcessLook.gone, lambda pid: {})
        assert check.why_not() == why
