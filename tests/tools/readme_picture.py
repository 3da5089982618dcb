"""Writes `resources/failed_test.svg`: the timeline of a test that failed, as the library drew it, for the README."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from running import ROOT, robot

PICTURE = ROOT / "resources/failed_test.svg"
TEST = "Killed By A Fault"


def drawn(folder: Path) -> str:
    """The picture of a run of the test, on white ground: it stands alone, without the colours of a log."""
    test = robot(folder, "--test", TEST, str(ROOT / "tests/data/failing_suites/causes.robot")).tests()[TEST]
    shown = next(str(item.message) for item in test.body if item.type == item.MESSAGE and "rbee-timeline" in str(item.message))
    svg = re.search(r"<svg.*?</svg>", shown, re.DOTALL)
    assert svg is not None
    return svg[0].replace("<svg ", '<svg style="background:#fff;color:#000" ', 1) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PICTURE.write_text(drawn(Path(scratch)), encoding="utf-8")
