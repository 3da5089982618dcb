*** Settings ***
Documentation       Keywords used in ways that cannot work. Every test fails; `test_misuse.py` reads the messages.

Library             RbeeLibrary


*** Test Cases ***
Unknown Kind Of Record
    Start Queen
    Get Records    queen    proces_exited

Unknown Column
    Start Queen
    Get Rows    queen    beehives    nodename=workstation

Unknown Table
    Start Queen
    Get Rows    queen    bees

Path Without A Route
    Start Queen
    Get Request Count    queen    GET    /v2/workers/lists    ==    0

Route Of Another Program
    Start Fleet
    No Request Should Come    hive    POST    /v2/tasks

Operator Without A Value
    Start Queen
    Get State    queen    !=

Fault That Does Not Fit
    Start Queen
    Inject Fault    queen    stick

Fault For A Name That Never Exists
    Inject Fault    wroker-1    stall
    Start Queen

Program Called Library
    Start Queen    library

Negative Number Of Tokens
    Start Worker    hive=None
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait For Tokens    ${answer}    ${-3}

Refused Inference Is Final
    Start Worker    hive=None    token_delay=1h
    Submit Inference    first    to=worker-1    request_id=first
    Wait Until State    worker-1    busy
    ${refused} =    Submit Inference    second    to=worker-1
    Get Inference State    ${refused}    ==    done    within=30s

Held Clock Says So
    Start Worker    hive=None    token_delay=10s
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=worker-1    request_id=held
    Get Token Count    ${answer}    ==    5    within=100ms

Held Clock Says So To Who Waits For Tokens
    Start Worker    hive=None    token_delay=10s
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=worker-1    request_id=held
    Wait For Tokens    ${answer}    5    within=100ms

Catalog Without A Hub
    Start Hive    queen=None
    Add Model To Catalog    hf:org/repo

Registry Before Its Queen
    Add Hive To Registry

Chaos That Reached Nobody
    Start Fleet    workers=1    slots=1    token_delay=500ms
    Stop    worker-1
    Inject Fault    queen    status    path=/v2/tasks
    Unleash Chaos    kill    seed=3    steps=3    duration=10s    shrink=0s

Two Hives Of One Node
    Start Queen
    Start Hive    hive-1    node_name=workstation
    Start Hive    hive-2    node_name=workstation

State Of A Worker Without A Hive
    Start Worker    hive=None
    Get State    worker-1    seen_by=hive

State Without A Queen
    Start Worker    hive=None
    Get State    worker-1    seen_by=queen
