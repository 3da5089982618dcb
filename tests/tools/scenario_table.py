"""Writes `suites/README.md`: scenarios, their titles and their tests. `--check` only compares.

Titles are in `resources/scenarios.json`, the tests of a scenario are those that have its id as a tag.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from robot.api import TestSuite

ROOT = Path(__file__).parent.parent.parent
SUITES = ROOT / "suites"
PAGE = SUITES / "README.md"
TITLES: dict[str, str] = json.loads((ROOT / "resources" / "scenarios.json").read_text())
HEAD = """# What the suites show

Written by `python tests/tools/scenario_table.py` from the tags of the tests and the titles in `resources/scenarios.json`. `S` are the 62 scenarios,
`EC` the edge cases among them, `L` further scenarios, `U` twenty that nobody had prepared.
Tests without a tag of this kind show what programs, faults and keywords do.
"""
SCENARIO = re.compile(r"(S|EC|L|U)\d+$")
KINDS = {"S": "Scenarios", "EC": "Edge cases", "L": "Further scenarios", "U": "Scenarios that nobody had prepared"}


def kind_of(scenario: str) -> str:
    """`S`, `EC`, `L` or `U`."""
    return scenario.rstrip("0123456789")


def folders() -> list[tuple[str, str]]:
    """Each folder of suites and its documentation."""
    return [(suite.source.name, suite.doc) for suite in TestSuite.from_file_system(SUITES).suites if suite.source.is_dir()]


def tests_by_scenario() -> dict[str, list[tuple[str, str]]]:
    """Scenario -> suite file and name of each of its tests, in the order of scenarios."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for test in TestSuite.from_file_system(SUITES).all_tests:
        for tag in map(str, test.tags):
            if SCENARIO.match(tag):
                found[tag].append((Path(test.source).relative_to(SUITES).as_posix(), test.name))
    order = list(KINDS)
    return dict(sorted(found.items(), key=lambda item: (order.index(kind_of(item[0])), int(item[0].removeprefix(kind_of(item[0]))))))


def cell(tests: list[tuple[str, str]]) -> str:
    """The tests of one scenario, one line for each suite."""
    by_suite: dict[str, list[str]] = defaultdict(list)
    for suite, name in tests:
        by_suite[suite].append(name)
    return "<br>".join(f"[{suite}]({suite}): {'; '.join(names)}" for suite, names in sorted(by_suite.items()))


def page() -> str:
    """The whole page."""
    scenarios = tests_by_scenario()
    lines = [HEAD, "| folder | topic |", "|---|---|", *(f"| [{name}]({name}) | {topic} |" for name, topic in folders())]
    for kind, heading in KINDS.items():
        rows = [f"| {one} | {TITLES.get(one, '')} | {cell(tests)} |" for one, tests in scenarios.items() if kind_of(one) == kind]
        lines += ["", f"## {heading}", "", "| id | scenario | tests |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else "suites/README.md is out of date: run python tests/tools/scenario_table.py")
    PAGE.write_text(page())
