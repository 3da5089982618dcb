"""How the page of conformance counts tests and scenarios of real programs."""

from __future__ import annotations

from RbeeLibrary.report.conformance import ConformanceRow, summary


def row(status: str, *scenarios: str) -> ConformanceRow:
    return ConformanceRow("s1-t1", "Suite", "Test", "what it shows", scenarios, status, "")


def test_scenario_holds_if_all_its_tests_hold_and_differs_if_one_of_them_does():
    rows = [row("PASS", "A", "B", "C", "D"), row("PASS", "A", "G"), row("FAIL", "C", "F"), row("SKIP", "B", "C", "E")]
    assert summary(rows).endswith("; 7 scenarios: 3 hold, 2 differ, 2 cannot be judged")
