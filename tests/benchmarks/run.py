"""All benchmarks: `python tests/benchmarks/run.py [group ...] [--rounds N] [--save]`.

Prints ratios that were taken in turns in one run, writes them to results/benchmarks.json, and compares them with the committed ones in figures.json, which
`--save` renews. Never fails on a figure.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import peers
from figures import GROUPS
from harness import HERE, ROOT, Report

COMMITTED = HERE / "figures.json"


def main() -> int:
    """Runs groups, shows how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=f"one of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--rounds", type=int, default=15, help="rounds in turns, 15 by default")
    parser.add_argument("--json", type=Path, default=ROOT / "results/benchmarks.json", help="where they are written, results/benchmarks.json by default")
    parser.add_argument("--save", action="store_true", help="make these the committed figures")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH", help=f"where a peer is that is not on PATH: {', '.join(peers.NAMES)}")
    asked = parser.parse_args()
    peers.places.update(_place_of(text, parser) for text in asked.peer)
    unknown = [name for name in asked.groups if name not in GROUPS]
    if unknown:
        parser.error(f"there is no group {', '.join(unknown)}, expected some of {', '.join(GROUPS)}")
    with tempfile.TemporaryDirectory(prefix="rbee-bytecode-") as bytecode:
        # Like an installed library: compiled once.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        return measure(asked)


def _place_of(text: str, parser: argparse.ArgumentParser) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if name not in peers.NAMES or not Path(path).is_file():
        parser.error(f"--peer {text}: expected NAME=PATH, a file, with one of {', '.join(peers.NAMES)}")
    return name, str(Path(path).absolute())


def measure(asked: argparse.Namespace) -> int:
    """Takes the figures, shows and keeps them, also those before a group that fails."""
    report = Report()
    known = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    try:
        for name in asked.groups or GROUPS:
            GROUPS[name](report, asked.rounds)
    finally:
        _keep(report, known, asked)
    return 0


def _keep(report: Report, known: dict[str, Any], asked: argparse.Namespace) -> None:
    found = {f"{row.group}: {row.what}": dataclasses.asdict(row) for row in report.rows}
    changed = [(name, known[name]["ratio"], row["ratio"]) for name, row in found.items() if name in known and known[name]["ratio"]]
    print("\nagainst the committed figures, where more than 25 % off:")
    for name, before, now in changed:
        if abs(now / before - 1) > 0.25:
            print(f"  {name}: {before:.3f} -> {now:.3f}")
    asked.json.parent.mkdir(exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=1) + "\n")
    if asked.save:
        COMMITTED.write_text(json.dumps({**known, **found}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
