"""Tries every keyword on a real program of every role: `real_keywords.py [ROLE=PATH ...]` writes resources/real-keywords.md; stand-ins by default.

A keyword works, or skips its test and says why; a failure is neither, and ends the command with 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from running import ROOT, robot

PAGE = ROOT / "resources/real-keywords.md"
STAND_INS = ROOT / "tests/data/real"
PROGRAMS = {"queen": "queen-rbee", "hive": "rbee-hive", "worker": "llm-worker-rbee", "keeper": "rbee"}
SETUPS = {
    "queen": ("Start Queen", "Start Hive"),
    "hive": ("Start Model Hub", "Start Queen", "Start Hive", "Start Worker"),
    "worker": ("${model} =    Create Model File    m.gguf    size=1MB", "Start Worker    hive=None    model=${model}"),
    "keeper": (
        "Start Fleet    workers=1    token_delay=1 h",
        "Start Keeper    infer    --node    workstation    --model    mock-model    --prompt    x",
    ),
}
SUBJECT = {"queen": "queen", "hive": "hive", "worker": "worker-1", "keeper": "keeper"}
STATE = {"queen": "idle", "hive": "idle", "worker": "idle", "keeper": "running    busy"}
TIMER = {"queen": "sweep", "hive": "health", "worker": "keep-alive", "keeper": "stall"}
DAEMONS = ("queen", "hive", "worker")
ANSWERING = ("queen", "worker")
ALL = (*DAEMONS, "keeper")
ASK = "${i} =    Submit Inference    hello    to={ask}    max_tokens=3"
LOAD = "Keep Submitting    every=50ms    to={ask}"
ASKED = (ASK, "Wait Until Inference Ends    ${i}    within=5s")
FREE: tuple[str, ...] = ("Create Model File", "Get Clock Date", "Occupy Port", "Release Port", "Set Assertion Retry", "Set Rbee Timeout", "Mark Journal")
"""Keywords that concern no program."""
SSH: tuple[str, ...] = ("Get Ssh Calls", "Get Ssh Count", "Start Node")
"""Keywords of nodes; real queens of the origin's time do without ssh."""


@dataclass(frozen=True)
class Trial:
    """How a keyword is tried.

    Args:
        keyword: name of the keyword.
        roles: roles to which it applies.
        steps: after the set-up of the role; `{s}` is the program, `{ask}` whom inferences are sent to.
    """

    keyword: str
    roles: tuple[str, ...]
    steps: tuple[str, ...]


TRIALS = (
    Trial("Add Hive To Registry", ("queen",), ("Add Hive To Registry    other",)),
    Trial("Add Model To Catalog", ("hive",), ("Add Model To Catalog    hf:org/repo    size=1MB",)),
    Trial("Advance Time", ALL, ("Advance Time    3 s",)),
    Trial("Answer Should Match Contract", ANSWERING, (*ASKED, "Answer Should Match Contract    ${i}")),
    Trial("Cancel Inference", ANSWERING, (ASK, "Cancel Inference    ${i}    by=disconnect")),
    Trial("Clear Faults", DAEMONS, ("Inject Fault    {s}    stall", "Clear Faults    {s}")),
    Trial("Cut Line", DAEMONS, ("Start Relay    to={s}", "Cut Line")),
    Trial("Fleet Should Have Behaved", ALL, ("Fleet Should Have Behaved",)),
    Trial("Freeze", ALL, ("Freeze    {s}", "Get State    {s}    ==    frozen", "Resume    {s}")),
    Trial("Get Catalog Count", ("hive",), ("Get Catalog Count    {s}    >=    0",)),
    Trial("Get Child Count", ALL, ("Get Child Count    {s}    >=    0",)),
    Trial("Get Command Line", ALL, ("Get Command Line    {s}    not contains    nobody",)),
    Trial("Get Daemon", ALL, ("Get Daemon    {s}",)),
    Trial("Get Exit Code", DAEMONS, ("Kill    {s}", "Get Exit Code    {s}    ==    -9")),
    Trial("Get Fault Hits", DAEMONS, ("${f} =    Inject Fault    {s}    stall", "Get Fault Hits    ${f}    ==    0")),
    Trial("Get Inference Error", ANSWERING, (*ASKED, "Get Inference Error    ${i}    ==    ${EMPTY}")),
    Trial("Get Inference State", ANSWERING, (*ASKED, "Get Inference State    ${i}    ==    done")),
    Trial("Get Inference Text", ANSWERING, (*ASKED, "Get Inference Text    ${i}    !=    ${EMPTY}")),
    Trial("Get Output", ALL, ("Get Output    {s}    not contains    nobody",)),
    Trial("Get Records", ALL, ("Get Records    {s}",)),
    Trial("Get Request Count", DAEMONS, ("Get Request Count    {s}    DELETE    ${None}    ==    0    within=0s",)),
    Trial("Get Request Gaps", ANSWERING, (*ASKED, *ASKED, "Get Request Gaps    {s}    POST    {path}")),
    Trial("Get Requests", DAEMONS, ("Get Requests    {s}",)),
    Trial("Get Rows", ("queen", "hive"), ("Get Rows    {s}    {table}",)),
    Trial("Get State", ALL, ("Get State    {s}",)),
    Trial("Get Token Count", ANSWERING, (*ASKED, "Get Token Count    ${i}    ==    3")),
    Trial("Get Token Gap", ANSWERING, (*ASKED, "Get Token Gap    ${i}    median    <    5s")),
    Trial("Get Worker Count", ("queen", "hive"), ("Get Worker Count    {s}    >=    0",)),
    Trial("Heal", DAEMONS, ("Start Model Hub    other", "Partition    {s} | other", "Heal")),
    Trial("Inject Fault", DAEMONS, ("Inject Fault    {s}    delay    delay=1ms",)),
    Trial("Interrupt", ALL, ("Interrupt    {s}", "Wait Until State    {s}    exited    killed    within=5s")),
    Trial(
        "Get Load Statistic", ANSWERING, ("Keep Submitting    every=50ms    to={ask}", "Get Load Statistic    done    >=    1    within=5s", "Stop Submitting")
    ),
    Trial("Jump Time", ALL, ("Jump Time    2 s",)),
    Trial("Keep Submitting", ANSWERING, (LOAD, "Stop Submitting    within=10s")),
    Trial("Kill", ALL, ("Kill    {s}",)),
    Trial("Delay Line", DAEMONS, ("Start Relay    to={s}", "Delay Line    10ms")),
    Trial("Limit Line", DAEMONS, ("Start Relay    to={s}", "Limit Line    10KB")),
    Trial("Log Process Tree", ALL, ("Log Process Tree    {s}",)),
    Trial("Mend Line", DAEMONS, ("Start Relay    to={s}", "Cut Line", "Mend Line")),
    Trial("No Process Should Be Left", ALL, ("Stop All", "No Process Should Be Left")),
    Trial("No Request Should Come", DAEMONS, ("No Request Should Come    {s}    DELETE    ${None}",)),
    Trial("Partition", DAEMONS, ("Start Model Hub    other", "Partition    {s} | other")),
    Trial("Pause Reading", ANSWERING, (ASK, "Pause Reading    ${i}", "Resume Reading    ${i}", "Wait Until Inference Ends    ${i}    within=5s")),
    Trial("Read Token", ANSWERING, (ASK, "Read Token    ${i}    within=5s")),
    Trial("Requests Should Be In Order", ANSWERING, (*ASKED, "Requests Should Be In Order    {s} POST {path}")),
    Trial("Restart", DAEMONS, ("Restart    {s}",)),
    Trial("Resume", ALL, ("Freeze    {s}", "Resume    {s}", "Get State    {s}    !=    frozen")),
    Trial("Resume Reading", ANSWERING, (ASK, "Resume Reading    ${i}", "Wait Until Inference Ends    ${i}    within=5s")),
    Trial("Rotate Api Key", DAEMONS, ("Rotate Api Key    {s}    new-key-2",)),
    Trial("Run At Once", DAEMONS, ("Run At Once    Get State    {s}    AND    Get Daemon    {s}",)),
    Trial("Run Keeper", ("keeper",), ("Kill    {s}", "${r} =    Run Keeper    workers    list", "Should Contain    ${r.stdout}    worker-1")),
    Trial("Set Answer", ("worker",), ("Set Answer    {s}    hello",)),
    Trial("Set Time Rate", ALL, ("Set Time Rate    2",)),
    Trial("Stall Line", DAEMONS, ("Start Relay    to={s}", "Stall Line")),
    Trial("Start Fleet", ("queen", "hive"), ("Stop All", "Start Fleet    prefix=b-")),
    Trial("Start Hive", ("hive",), ()),
    Trial("Start Keeper", ("keeper",), ()),
    Trial("Start Load", ANSWERING, ("Start Load    users=2    rate=10/s    to={ask}", "Stop Load")),
    Trial("Start Model Hub", ("hive",), ()),
    Trial("Start Queen", ("queen",), ()),
    Trial("Start Relay", DAEMONS, ("Start Relay    to={s}",)),
    Trial("Start Worker", ("queen", "hive", "worker"), ("Start Worker    worker-2    {below}",)),
    Trial("Stop", DAEMONS, ("Stop    {s}",)),
    Trial("Stop Load", ANSWERING, ("Start Load    users=2    rate=10/s    to={ask}", "Stop Load")),
    Trial("Stop Submitting", ANSWERING, (LOAD, "Stop Submitting    within=10s")),
    Trial("Stop All", ALL, ("Stop All",)),
    Trial("Submit Inference", ANSWERING, ASKED),
    Trial("Terminate", ALL, ("Terminate    {s}", "Wait Until State    {s}    exited    killed    within=5s")),
    Trial("Tokens Should Add Up", ANSWERING, (*ASKED, "Tokens Should Add Up")),
    Trial("Unleash Chaos", ("queen", "hive"), ("Unleash Chaos    stall    seed=1    steps=2    duration=5 s    shrink=0",)),
    Trial("Wait For Tokens", ANSWERING, (ASK, "Wait For Tokens    ${i}    2    within=5s")),
    Trial("Wait Until Inference Ends", ANSWERING, ASKED),
    Trial("Wait Until State", ALL, ("Wait Until State    {s}    {state}",)),
    Trial("Wait Until Timer", ALL, ("Wait Until Timer    {s}    {timer}",)),
)


def suite(role: str, program: str) -> str:
    """A suite that tries all keywords on the program of a role; an empty program stands for the fake."""
    lines = ["*** Settings ***", f"Library    RbeeLibrary    {role}={program}", "", "*** Test Cases ***"]
    words = {"s": SUBJECT[role], "ask": SUBJECT[role], "state": STATE[role], "timer": TIMER[role]}
    words |= {"path": "/v2/tasks" if role == "queen" else "/v1/inference", "table": "beehives" if role == "queen" else "models"}
    words["below"] = "hive=None    model=${model}" if role == "worker" else ""
    for trial in TRIALS:
        if role in trial.roles:
            lines.append(trial.keyword)
            lines += [f"    {step}" for step in SETUPS[role]]
            lines += ["    " + _filled(step, words) for step in trial.steps]
    return "\n".join(lines) + "\n"


def _filled(step: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        step = step.replace(f"{{{name}}}", value) if f"${{{name}}}" not in step else step
    return step


def outcomes(role: str, program: str, folder: Path, port: int = 18900) -> dict[str, tuple[str, str]]:
    """Keyword -> status of its test, and its message."""
    path = folder / f"{role}.robot"
    path.write_text(suite(role, program))
    env = {"PYTHONPATH": f"{ROOT}:{STAND_INS}", "STAND_IN_FIRST_PORT": str(port)}
    return {name: (str(test.status), str(test.message)) for name, test in robot(folder, str(path), env=env).tests().items()}


def table(found: dict[str, dict[str, tuple[str, str]]]) -> str:
    """The page, of the outcomes of each role."""
    rows = []
    for trial in TRIALS:
        cells = [cell(found[role].get(trial.keyword)) for role in PROGRAMS]
        rows.append(f"| `{trial.keyword}` | {' | '.join(cells)} |")
    free = ", ".join(f"`{name}`" for name in FREE)
    ssh = ", ".join(f"`{name}`" for name in SSH)
    told = f"{free} concern no program.\n{ssh} are about ssh, which the real queens of the origin's time are told to do without."
    return f"{_HEAD}\n" + "\n".join(rows) + f"\n\n{told}\n"


_HEAD = """\
# Keywords and real programs

Every keyword was tried on a real program of every role to which it applies. It works, or it says why not. This page is generated by
`tests/tools/real_keywords.py`, and a test fails if it is out of date.

| keyword | queen | hive | worker | keeper |
|---|---|---|---|---|"""


def cell(found: tuple[str, str] | None) -> str:
    """What the table says of an outcome; nothing where a keyword does not apply."""
    if found is None:
        return ""
    status, message = found
    said = message.splitlines()[0].partition(":")[2].strip() or message if message else ""
    return {"PASS": "yes", "SKIP": f"no: {said}"}.get(status, f"FAILS: {message}")


def main() -> int:
    """Writes the page."""
    paths = dict(word.split("=", 1) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        found = {}
        for role, file in PROGRAMS.items():
            folder = Path(name, role)
            folder.mkdir()
            found[role] = outcomes(role, os.path.abspath(paths.get(role, STAND_INS / file)), folder)
    failed = [f"{role}: {keyword}: {message}" for role, all_of in found.items() for keyword, (status, message) in all_of.items() if status == "FAIL"]
    print("\n".join(failed) or "every keyword works or says why not")
    if not paths:
        PAGE.write_text(table(found), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
