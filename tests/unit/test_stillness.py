"""When real programs count as asleep, from what the process table says of their threads."""

from __future__ import annotations

import pytest

from RbeeLibrary.session.real import stillness


@pytest.mark.parametrize(
    ("before", "after", "is_still"),
    [
        (("S", 7), ("S", 7), True),
        (("R", 7), ("R", 7), False),
        (("S", 7), ("S", 8), False),  # it has run, and sleeps again
        (("S", 7), ("R", 7), False),  # it was woken, and has not run yet
    ],
)
def test_program_that_was_woken_meanwhile_is_not_still(monkeypatch, before, after, is_still):
    now = [before]

    def of_threads(pid, file):
        state, runs = now[0]
        return [f"{pid} (a (strange) program) {state} 1 2 3".encode() if file == "stat" else f"100 200 {runs}".encode()]

    def on_the_way():
        now[0] = after
        return False

    monkeypatch.setattr(stillness, "_of_threads", of_threads)
    assert stillness.are_still([5], on_the_way) is is_still


def test_what_is_on_the_way_will_wake_somebody(monkeypatch):
    monkeypatch.setattr(stillness, "_of_threads", lambda pid, file: [])
    assert stillness.are_still([5], lambda: False)
    assert not stillness.are_still([5], lambda: True)
