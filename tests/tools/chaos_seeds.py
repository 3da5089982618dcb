"""Many seeds of chaos: `python tests/tools/chaos_seeds.py [how many] [first seed]`. Ends with 1 if one breaks the fleet; the report is in results/chaos.

Fleets have one or two hives, one to three workers at each, one or two slots, depending on the seed. Two seeds run at a time.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from running import ROOT, Run, robot

AT_ONCE = 2
PORTION = 50
SHAPES = ((2, 2, 2), (1, 2, 1), (2, 1, 1), (1, 3, 2))
"""Hives, workers of each, slots of each: by the seed, as in `suites/chaos.robot`."""
SUITE = """*** Settings ***
Library             RbeeLibrary
Test Template       Fleet Should Withstand Chaos

*** Test Cases ***
{rows}

*** Keywords ***
Fleet Should Withstand Chaos
    [Arguments]    ${{seed}}    ${{hives}}    ${{workers}}    ${{slots}}
    Start Fleet    hives=${{hives}}    workers=${{workers}}    slots=${{slots}}    token_delay=500ms
    Unleash Chaos    seed=${{seed}}
"""


def row(seed: int) -> str:
    """A test: its seed and its fleet."""
    hives, workers, slots = SHAPES[seed % len(SHAPES)]
    return f"Seed {seed}    {seed}    {hives}    {workers}    {slots}"


def run(folder: Path, seeds: range) -> Run:
    """Runs some seeds in one robot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos.robot").write_text(SUITE.format(rows="\n".join(map(row, seeds))))
    return robot(folder, str(folder / "chaos.robot"))


def main() -> int:
    """Prints a line for every portion, and each seed that found something; returns 130 after Ctrl+C."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began, broke = time.monotonic(), 0
    portions = [range(start, min(start + PORTION, first + count)) for start in range(first, first + count, PORTION)]
    pool = ThreadPoolExecutor(AT_ONCE)
    runs = {pool.submit(run, ROOT / f"results/chaos/{seeds[0]}", seeds): seeds for seeds in portions}
    print(f"{count} seeds in {len(portions)} portions, {AT_ONCE} at a time; reports are in {ROOT / 'results/chaos'}", flush=True)
    try:
        for done, one in enumerate(as_completed(runs), 1):
            failed = {name: test.message for name, test in one.result().tests().items() if test.status != "PASS"}
            broke += len(failed)
            seeds, spent = runs[one], time.monotonic() - began
            left = spent / done * (len(portions) - done)
            print(f"seeds {seeds[0]} to {seeds[-1]}: {len(failed)} broke the fleet; {done}/{len(portions)}, {spent:.0f} s, {left:.0f} s to go", flush=True)
            for name, message in failed.items():
                print(f"--- {name}\n{message}", flush=True)
    except KeyboardInterrupt:  # Ctrl+C reaches the runs as well, which end their programs
        print("interrupted: waiting for the runs under way to end", flush=True)
        return 130
    finally:
        pool.shutdown(cancel_futures=True)
    print(f"{count} seeds, {broke} broke the fleet")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
