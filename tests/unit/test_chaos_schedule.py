"""Schedules of chaos, as their seeds draw them."""

from __future__ import annotations

from RbeeLibrary.session.judging.chaos_schedule import schedule

PROGRAMS = {"queen": ["queen"], "hive": ["hive"], "worker": ["worker-1", "worker-2"]}


def test_seed_that_somebody_has_noted_parts_the_same_programs_again():
    steps = [step for step in schedule(9, PROGRAMS, [], 20.0, 6) if step.keyword in ("Partition", "Heal")]
    assert [str(step) for step in steps] == ["  16.364 s  Partition    hive | worker-1", "  18.332 s  Heal"]
