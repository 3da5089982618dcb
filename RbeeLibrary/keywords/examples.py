"""An example of each keyword, which Libdoc shows. A dry run in the tests finds what no longer fits."""

from __future__ import annotations

import inspect
import re

EXAMPLES: dict[str, str] = {
    "Add Hive To Registry": "Add Hive To Registry    workstation    ssh_host=127.0.0.1",
    "Add Model To Catalog": "Add Model To Catalog    hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF    size=2GB",
    "Advance Time": "Advance Time    5 min",
    "Answer Should Match Contract": "Answer Should Match Contract    ${answer}    of=POST /v1/workers/spawn",
    "Cancel Inference": "Cancel Inference    ${answer}    by=disconnect",
    "Clear Faults": "Clear Faults    worker-1",
    "Create Model File": "Create Model File    ${OUTPUT DIR}/tiny.gguf    size=1MB    quantization=Q8_0",
    "Cut Line": "Cut Line    line",
    "Delay Line": "Delay Line    50ms    loss=0.01",
    "Fleet Should Have Behaved": "Fleet Should Have Behaved    stream end",
    "Freeze": "Freeze    hive",
    "Get Catalog Count": "Get Catalog Count    hive    ==    1    provider=hf",
    "Get Child Count": "Get Child Count    hive    ==    2    recursive=False",
    "Get Clock Date": "${date} =    Get Clock Date",
    "Get Command Line": "Get Command Line    worker-1    contains    --worker-id worker-1",
    "Get Daemon": "${worker} =    Get Daemon    worker-1",
    "Get Exit Code": "Get Exit Code    worker-1    ==    -9",
    "Get Fault Hits": "Get Fault Hits    ${fault}    ==    1",
    "Get Inference Error": "Get Inference Error    ${answer}    contains    NO_SLOTS",
    "Get Inference State": "Get Inference State    ${answer}    ==    done",
    "Get Inference Text": "Get Inference Text    ${answer}    starts    Once upon a time",
    "Get Load Statistic": "Get Load Statistic    p95 first token    <    200 ms",
    "Get Output": "Get Output    hive    contains    worker worker-1    stream=stderr",
    "Get Records": "@{removals} =    Get Records    hive    worker_removed    worker_id=worker-1",
    "Get Request Count": "Get Request Count    queen    POST    /v2/workers/ready    ==    1    status=200",
    "Get Request Gaps": "Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1 s', '2 s', '4 s']",
    "Get Requests": "@{requests} =    Get Requests    hive    POST    /v1/workers/spawn",
    "Get Rows": "@{rows} =    Get Rows    queen    beehives    node_name=workstation",
    "Get Ssh Calls": "@{calls} =    Get Ssh Calls    workstation",
    "Get Ssh Count": "Get Ssh Count    workstation    ==    3",
    "Get State": "Get State    worker-1    ==    idle    seen_by=queen    within=5s",
    "Get Token Count": "Get Token Count    ${answer}    >=    12",
    "Get Token Gap": "Get Token Gap    ${answer}    max    <    200 ms",
    "Get Worker Count": "Get Worker Count    queen    ==    2    state=idle",
    "Heal": "Heal",
    "Inject Fault": "${fault} =    Inject Fault    worker-1    kill    after_tokens=12",
    "Interrupt": "Interrupt    keeper",
    "Jump Time": "Jump Time    10 min",
    "Keep Submitting": "${load} =    Keep Submitting    every=100ms    to=queen",
    "Kill": "Kill    worker-1",
    "Limit Line": "Limit Line    64KB",
    "Log Process Tree": "Log Process Tree",
    "Mark Journal": "${mark} =    Mark Journal",
    "Mend Line": "Mend Line    line",
    "No Process Should Be Left": "No Process Should Be Left    within=5s",
    "No Request Should Come": "No Request Should Come    hive    POST    /v1/workers/spawn    since=${mark}",
    "Occupy Port": "${port} =    Occupy Port    mode=refuse",
    "Partition": "Partition    hive-1 | queen",
    "Pause Reading": "Pause Reading    ${answer}",
    "Read Token": "${token} =    Read Token    ${answer}",
    "Release Port": "Release Port    ${port}",
    "Requests Should Be In Order": "Requests Should Be In Order    queen POST /v2/tasks    hive POST /v1/workers/spawn",
    "Restart": "Restart    worker-1    token_delay=10ms",
    "Resume": "Resume    hive",
    "Resume Reading": "Resume Reading    ${answer}",
    "Rotate Api Key": "Rotate Api Key    worker-1    %{NEW_KEY}",
    "Run At Once": "@{workers} =    Run At Once    Start Worker    worker-1    AND    Start Worker    worker-2",
    "Run Keeper": "${done} =    Run Keeper    infer    --node    workstation    --prompt    hello",
    "Set Answer": "Set Answer    worker-1    Four, of course.    prompt=What is two and two?",
    "Set Assertion Retry": "Set Assertion Retry    10 s",
    "Set Rbee Timeout": "Set Rbee Timeout    30 s",
    "Set Time Rate": "Set Time Rate    0",
    "Stall Line": "Stall Line    line",
    "Start Fleet": "Start Fleet    hives=2    workers=3    slots=4    token_delay=20ms",
    "Start Hive": "${hive} =    Start Hive    worker_ports=9001-9010",
    "Start Keeper": "Start Keeper    infer    --node    workstation    --prompt    hello",
    "Start Load": "${load} =    Start Load    users=50    rate=20/s    to=queen",
    "Start Model Hub": "Start Model Hub    rate=10MB",
    "Start Node": "Start Node    workstation    ssh=refused",
    "Start Queen": "${queen} =    Start Queen    api_key=secret",
    "Start Relay": "${line} =    Start Relay    to=${w}",
    "Start Worker": "${worker} =    Start Worker    worker-2    load_time=30s    until=loading",
    "Stop": "Stop    hive    timeout=10s",
    "Stop All": "Stop All",
    "Stop Load": "Stop Load    within=1 min",
    "Stop Submitting": "Stop Submitting    within=30s",
    "Submit Inference": "${answer} =    Submit Inference    write a short story    to=worker-1    max_tokens=50",
    "Terminate": "Terminate    hive",
    "Tokens Should Add Up": "Tokens Should Add Up",
    "Unleash Chaos": "Unleash Chaos    kill    stall    seed=7    duration=2 min",
    "Wait For Tokens": "Wait For Tokens    ${answer}    8",
    "Wait Until Inference Ends": "Wait Until Inference Ends    ${answer}    within=30s",
    "Wait Until State": "Wait Until State    worker-1    idle    busy",
    "Wait Until Timer": "Wait Until Timer    keeper    busy-retry",
}
"""Name of a keyword -> a line of a test."""


def with_example(name: str, doc: str) -> str:
    """The documentation of a keyword with its example before the sections on arguments, result and errors.

    Args:
        name: of the keyword.
        doc: documentation of its method.
    """
    text = inspect.cleandoc(doc)
    example = f"```\n{EXAMPLES[name]}\n```"
    sections = re.search(r"\n(Args|Returns|Raises):\n", text)
    begin = sections.start() if sections else len(text)
    return f"{text[:begin].rstrip()}\n\n{example}\n\n{text[begin:].lstrip()}".rstrip()
