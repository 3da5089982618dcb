*** Settings ***
Documentation       A keeper that started a queen or a hive of its own is killed: what it started ends by itself, in its order.

Library             OperatingSystem
Resource            ../../../resources/rbee.resource


*** Test Cases ***
Killed Keeper Takes Its Hive With It
    Start Keeper    infer    --ephemeral-hive    --model    mock-model    --prompt    x
    ...    env=${{ {"RBEE_WORKER_ARGS": "--token-delay 5s", "RBEE_HIVE_ARGS": "--worker-ports 0"} }}
    Kill When Tokens Come
    Get Exit Code    hive    ==    0    within=5s
    Get Exit Code    mock-worker-1    ==    0    within=5s
    No Process Should Be Left

Killed Keeper Takes Its Queen And What That Started With It
    ${node} =    Start Node    token_delay=5s
    ${home} =    Evaluate    os.path.dirname($node.home) + "/keeper-home/.rbee"    modules=os
    Start Queen    first    database=${home}/beehives.db
    Add Hive To Registry    workstation    queen=first    install_path=${node.install_path}
    Stop    first
    ${port} =    Occupy Port    mode=refuse
    Release Port    ${port}
    Start Keeper    infer    --node    workstation    --model    mock-model    --prompt    x    --ephemeral
    ...    --queen-url    http://127.0.0.1:${port}
    Kill When Tokens Come
    Get Exit Code    queen    ==    0    within=5s
    Get Exit Code    hive    ==    0    within=5s
    Get Exit Code    mock-worker-1    ==    0    within=5s
    No Process Should Be Left


*** Keywords ***
Kill When Tokens Come
    [Documentation]    In the middle of its stream.
    Wait Until Timer    mock-worker-1    token    within=20s
    Kill    keeper
