"""Shows the scenarios of a test by their titles in its log, instead of 120 rows of ids in the statistics before the suites.

The ids are tags in the suites, so that `robot --include S12 suites/` selects the tests of a scenario. The log shows each as metadata of its tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robot.api.deco import library

_TITLES: dict[str, str] = json.loads(Path(__file__).with_name("scenarios.json").read_text(encoding="utf-8"))


@library(scope="GLOBAL", listener="SELF", auto_keywords=False)
class scenario_titles:  # noqa: N801 (named like its file, as Robot Framework wants)
    """A listener without keywords."""

    ROBOT_LISTENER_PRIORITY = -1
    """After the library, which knows scenarios by their tags."""

    def end_test(self, data: Any, result: Any) -> None:
        """Turns the tags that are ids of scenarios into metadata."""
        for scenario in [str(tag) for tag in result.tags if str(tag) in _TITLES]:
            result.tags.remove(scenario)
            result.metadata[f"Scenario {scenario}"] = _TITLES[scenario]
