"""Mutants that nobody chose: `python tests/tools/mutants/run.py COMMAND`.

cover     finds out which tests run which statement (ten minutes)
try       tries mutants; goes on where it was stopped, since verdicts are kept in results/mutants/verdicts.jsonl
report    score of each folder, what survived, and which test noticed the others
save      makes the first verdicts the sample of CI, tests/data/mutants/sample.json
sample    tries the sample again, each mutant with the test that noticed it
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TextIO

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from running import ROOT, portion

from mutants import coverage_map
from mutants.coverage_map import MEASURED, CoverageMap
from mutants.generator import FOLDERS, Mutant, all_mutants, mutants_of
from mutants.judge import SURVIVED, Judge, Verdict, known_test, stages

VERDICTS = ROOT / "results/mutants/verdicts.jsonl"
SAMPLE = ROOT / "tests/data/mutants/sample.json"
EQUIVALENT = ROOT / "tests/data/mutants/equivalent.json"


def equivalent() -> dict[str, str]:
    """Reasons why a mutant behaves as the source does, by its name."""
    return {one["name"]: one["reason"] for one in json.loads(EQUIVALENT.read_text())}


def stale(listed: list[dict[str, str]]) -> list[str]:
    """Names of listed mutants that are not there, or have become another change."""
    there = {mutant.name: mutant for file in {one["name"].partition("::")[0] for one in listed} for mutant in mutants_of(file)}
    found = [(one, there.get(one["name"])) for one in listed]
    return [one["name"] for one, mutant in found if mutant is None or (mutant.before, mutant.after) != (one["before"], one["after"])]


def kept(path: Path) -> dict[str, Verdict]:
    """Verdicts of earlier runs by name; those of several machines are one file after the other."""
    if not path.exists():
        return {}
    return {(verdict := Verdict(**json.loads(line))).name: verdict for line in path.read_text().splitlines()}


def selected(mutants: list[Mutant], arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants that the command line wants, in their order.

    Raises:
        ValueError: the share is malformed.
    """
    part, parts = (int(number) for number in arguments.share.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(f"--share {arguments.share}: expected a part and the number of parts, such as 2/4")
    found = [mutant for mutant in mutants if mutant.file.startswith(tuple(arguments.folders)) and arguments.matching in mutant.name]
    return found[: arguments.count or None][part - 1 :: parts]


def _try(arguments: argparse.Namespace) -> int:
    coverage = CoverageMap(MEASURED)
    same, known = equivalent(), kept(arguments.verdicts)
    wanted = selected([mutant for mutant in all_mutants() if mutant.name not in same], arguments)
    done = {mutant.name for mutant in wanted if (one := known.get(mutant.name)) and (one.before, one.after) == (mutant.before, mutant.after)}
    left = [mutant for mutant in wanted if (mutant.name in done and not known[mutant.name].caught if arguments.survivors else mutant.name not in done)]
    print(f"{len(wanted)} mutants, {len(left)} to try", flush=True)
    newer = [known_test(f"{file}::*" if file.endswith(".robot") else file, 20) for file in arguments.also]
    new = [tests for kind in ("pytest", "robot") if (tests := [test for test in newer if test.kind == kind])]
    judge = Judge(lambda mutant: [*new, *stages(coverage.tests_of(mutant), arguments.budget)], arguments.at_once)
    with arguments.verdicts.open("a") as file:
        found = _judged(judge, left, file)
    return _outcome([*found, *(known[name] for name in done if name not in {one.name for one in found})], 0)


def _judged(judge: Judge, mutants: list[Mutant], file: TextIO) -> list[Verdict]:
    found = []
    for number, verdict in enumerate(judge.verdicts(mutants), 1):
        file.write(json.dumps(dataclasses.asdict(verdict)) + "\n")
        file.flush()
        found.append(verdict)
        print(f"{number:5} {verdict.seconds:5.1f} s {verdict.verdict:20} {verdict.name}: {verdict.before[:60]} => {verdict.after[:60]}", flush=True)
    if judge.unreliable:
        print(f"these failed and then passed, so they judged nothing: {', '.join(sorted(judge.unreliable))}")
    return found


def _outcome(verdicts: list[Verdict], at_least: float) -> int:
    reached = 100 * score(verdicts)
    print(f"{reached:.1f} % of {len(verdicts)} were noticed" + (f", demanded are {at_least:g} %" if at_least else ""))
    return int(reached < at_least)


def _save(arguments: argparse.Namespace) -> int:
    known, same = kept(arguments.verdicts), equivalent()
    rows = [known[mutant.name] for mutant in all_mutants() if mutant.name in known and mutant.name not in same][: arguments.count]
    texts = [json.dumps({"name": one.name, "before": one.before, "after": one.after, "test": one.test if one.caught else ""}) for one in rows]
    SAMPLE.write_text("[\n" + ",\n".join(texts) + "\n]\n")
    return _outcome(rows, 0)


def _sample(arguments: argparse.Namespace) -> int:
    """Mutants whose function has changed since are left out, those that survived count as such. Each commit tries a half; all with `RBEE_MUTANTS=all`."""
    rows = {row["name"]: row for row in portion(json.loads(SAMPLE.read_text()), 4, "RBEE_MUTANTS")}
    there = [mutant for file in sorted({name.partition("::")[0] for name in rows}) for mutant in mutants_of(file) if mutant.name in rows]
    there = [mutant for mutant in there if (mutant.before, mutant.after) == (rows[mutant.name]["before"], rows[mutant.name]["after"])]
    judge = Judge(lambda mutant: [[known_test(rows[mutant.name]["test"], 3)]], arguments.at_once, confirms=False)
    with (arguments.verdicts.parent / "sample.jsonl").open("w") as file:
        found = _judged(judge, [mutant for mutant in there if rows[mutant.name]["test"]], file)
    survivors = [Verdict(mutant.name, mutant.place, mutant.before, mutant.after, SURVIVED) for mutant in there if not rows[mutant.name]["test"]]
    for one in [*survivors, *(verdict for verdict in found if not verdict.caught)]:
        print(f"survived: {one.place} {one.before} => {one.after}   {rows[one.name]['test']}")
    return _outcome([*found, *survivors], arguments.at_least)


def score(verdicts: list[Verdict]) -> float:
    """Share of the mutants that were noticed."""
    return sum(verdict.caught for verdict in verdicts) / len(verdicts) if verdicts else 1.0


def report(arguments: argparse.Namespace) -> int:
    """Prints the score of each folder, the survivors, and for the others the test that noticed."""
    same = equivalent()
    known = [verdict for verdict in kept(arguments.verdicts).values() if verdict.name not in same]
    survivors = [verdict for verdict in known if not verdict.caught]
    lines = ["# Mutants", "", f"{len(known)} tried, {len(survivors)} survived, {len(same)} are equivalent.", ""]
    lines += ["| folder | tried | noticed | score |", "|---|---|---|---|"]
    tried = Counter(verdict.name.partition("/")[0] for verdict in known)
    for folder in [*sorted(tried), ""]:
        of_folder = [verdict for verdict in known if verdict.name.startswith(folder)]
        lines.append(f"| {folder or 'all'} | {len(of_folder)} | {sum(one.caught for one in of_folder)} | {score(of_folder):.1%} |")
    lines += ["", "## Survived", "", "| place | mutant | before | after | tests |", "|---|---|---|---|---|"]
    for one in sorted(survivors, key=lambda one: one.place):
        lines.append(f"| {one.place} | {one.name.partition('::')[2]} | `{_cell(one.before)}` | `{_cell(one.after)}` | {one.tried or one.verdict} |")
    lines += ["", "## Noticed", "", "| place | before | after | test | message |", "|---|---|---|---|---|"]
    for one in sorted(known, key=lambda one: one.place):
        if one.caught:
            lines.append(f"| {one.place} | `{_cell(one.before)}` | `{_cell(one.after)}` | {_cell(one.test)} | {_cell(one.message)} |")
    target = arguments.verdicts.parent / "report.md"
    target.write_text("\n".join(lines) + "\n")
    print("\n".join(lines[: 8 + len(tried)]) + f"\n\n{target}")
    return 0


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())[:240]


def _cover(arguments: argparse.Namespace) -> int:
    found = coverage_map.measure()
    MEASURED.write_text(coverage_map.to_text(found))
    print(f"{len(found['tests'])} tests, {len(found['functions'])} functions")
    return 0


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("cover", help="measures which tests run which statement").set_defaults(run=_cover)
    trying = commands.add_parser("try", help="tries mutants")
    trying.add_argument("folders", nargs="*", default=FOLDERS, help=f"below RbeeLibrary/, default: {' '.join(FOLDERS)}")
    trying.add_argument("--count", type=int, default=0, help="of all mutants in their random order, 0 = all")
    trying.add_argument("--share", default="1/1", help="2/4 = the second of four machines; their verdicts are put into one file afterwards")
    trying.add_argument("--matching", default="", help="part of the names")
    trying.add_argument("--budget", type=float, default=30, help="seconds of tests for a mutant that none of them notices, default 30")
    trying.add_argument("--also", nargs="*", default=[], help="files with tests that are newer than the map; they judge every mutant, and first")
    trying.add_argument("--survivors", action="store_true", help="try only those again that survived")
    trying.set_defaults(run=_try)
    reporting = commands.add_parser("report", help="scores and survivors, also as results/mutants/report.md")
    reporting.set_defaults(run=report)
    saving = commands.add_parser("save", help="makes the first verdicts the sample of CI")
    saving.add_argument("--count", type=int, default=150, help="how many, default 150")
    saving.set_defaults(run=_save)
    sampling = commands.add_parser("sample", help="tries the sample again")
    sampling.add_argument("--at-least", type=float, default=85, help="per cent that have to be noticed, else the exit code is 1; default 85")
    sampling.set_defaults(run=_sample)
    for command in (trying, sampling):
        command.add_argument("--at-once", type=int, default=3, help="mutants at the same time, default 3")
    parser.add_argument("--verdicts", type=Path, default=VERDICTS, help="default: results/mutants/verdicts.jsonl")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the tests that run are ended
    arguments.verdicts.parent.mkdir(parents=True, exist_ok=True)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
