"""The axis of a timeline."""

from __future__ import annotations

from RbeeLibrary.report.trace.time_axis import TimeAxis

SECOND = 1_000_000_000


def texts_of_ticks(length: int) -> list[str]:
    return [text for _, text in TimeAxis(0, length, range(0, length, SECOND // 10), 0, 1000).ticks()]


def test_ticks_are_a_second_apart_up_to_ten_seconds_and_then_two():
    assert texts_of_ticks(10 * SECOND) == [f"{number} s" for number in range(11)]
    assert texts_of_ticks(10 * SECOND + 1) == ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]
