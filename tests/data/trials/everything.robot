*** Settings ***
Documentation       All kinds of programs at once, until somebody ends it from outside. `test_leftovers_everywhere.py` does.

Library             OperatingSystem
Library             RequestsLibrary
Library             ../../../resources/together.py
Resource            ../../../resources/rbee.resource


*** Variables ***
${SERVER}       scripted
${SIGNAL}       ${OUTPUT DIR}/ready
${FREEZE}       nobody


*** Test Cases ***
Everything Is Ended From Outside
    [Documentation]    A hub, a hive that ssh has started, commands that run on nodes right now, a keeper with its own hive.
    Start Hub Nodes And Queen
    Start Keeper    infer    --ephemeral-hive    --model    mock-model    --prompt    x
    ...    env=${{ {"RBEE_WORKER_ARGS": "--token-delay 5s", "RBEE_HIVE_ARGS": "--worker-ports 0"} }}
    ${answer} =    Submit Inference    on and on    model=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF    max_tokens=2000
    Wait For Tokens    ${answer}    1    within=30s
    Wait Until Timer    mock-worker-1    token    within=20s
    Get Child Count    queen    >=    3
    IF    '${FREEZE}' != 'nobody'    Freeze    ${FREEZE}
    Create File    ${SIGNAL}
    Wait Until Inference Ends    ${answer}    within=120s
    [Teardown]    Slow Teardown


*** Keywords ***
Start Hub Nodes And Queen
    [Documentation]    A node whose hive the queen will start, one that ssh takes an hour to, and one where a command takes long.
    Start Model Hub
    ${node} =    Start Node    server=${SERVER}    token_delay=50ms
    ${slow} =    Start Node    slow    delay=2 min
    ${building} =    Start Node    building    server=${SERVER}    installed=False
    Create File    ${building.home}/bin/git    \#!/bin/sh\nsleep 120\n
    ${queen} =    Start Queen    ssh_timeout=1 hour
    FOR    ${one}    IN    ${node}    ${building}
        POST    ${queen.url}/v2/registry/beehives/add    json=${one.registration()}    timeout=20
    END
    Post In The Background    ${queen.url}/v2/registry/beehives/add    ${slow.registration()}
    Post In The Background    ${queen.url}/v2/registry/beehives/install    ${{ {"node_name": "building"} }}

Slow Teardown
    [Documentation]    Takes so long that it is sure to be interrupted.
    Create File    ${SIGNAL}-teardown
    Start Worker    late    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    on and on    to=late
    Wait Until Inference Ends    ${answer}    within=60s
