"""Writes `suites/README.md`: which tests show which scenario, taken from their tags. `--check` only compares."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from robot.api import TestSuite

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "suites" / "README.md"
HEAD = """# What the suites show

A table made from the tags of the tests by `python tests/tools/scenario_table.py`; a test checks that it is true. `S` are the 62 scenarios, `EC` the edge cases
among them, `L` the further ones. Tests without an id show what fakes, faults and keywords do.

"""
SCENARIO = re.compile(r"(S|EC|L)(\d+)$")


def tests_by_scenario() -> dict[str, list[tuple[str, str]]]:
    """Scenario -> suite file and name of each of its tests, in the order of scenarios."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for test in TestSuite.from_file_system(ROOT / "suites").all_tests:
        for tag in map(str, test.tags):
            if SCENARIO.match(tag):
                found[tag].append((Path(test.source).relative_to(ROOT / "suites").as_posix(), test.name))
    kinds = {"S": 0, "EC": 1, "L": 2}
    return dict(sorted(found.items(), key=lambda item: (kinds[SCENARIO.match(item[0])[1]], int(SCENARIO.match(item[0])[2]))))


def page() -> str:
    """The whole page."""
    lines = ["| scenario | suite | tests |", "|---|---|---|"]
    for scenario, tests in tests_by_scenario().items():
        by_suite: dict[str, list[str]] = defaultdict(list)
        for suite, name in tests:
            by_suite[suite].append(name)
        for suite, names in sorted(by_suite.items()):
            lines.append(f"| {scenario} | [{suite}]({suite}) | {'; '.join(names)} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else "suites/README.md is not what the tags say: run python tests/tools/scenario_table.py")
    PAGE.write_text(page())
