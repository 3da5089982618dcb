*** Settings ***
Documentation       Ephemeral queens and hives, which the keeper starts and ends, and persistent ones, which it leaves alone.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
&{SLOW_TOKENS}      RBEE_WORKER_ARGS=--token-delay 1s    RBEE_HIVE_ARGS=--worker-ports 0


*** Test Cases ***
Keeper Exits And The Daemons Live
    [Documentation]    The queen has started the hive over ssh.
    ...    Hive and worker outlive the keeper, and the worker is listed as idle.
    [Tags]    S50
    Set Time Rate    10
    ${node} =    Start Node
    Start Queen
    Add Hive To Registry    workstation    install_path=${node.install_path}
    Keeper Should Succeed    @{ASK}
    Get State    hive    ==    idle
    Get State    mock-worker-1    ==    idle
    Get Worker Count    queen    ==    1    state=idle

Persistent Hive Is Left Alone
    [Documentation]    The keeper starts no process, and hive and worker outlive it.
    [Tags]    S52
    Start Registered Fleet
    ${before} =    Get Daemon    hive
    Keeper Should Succeed    @{ASK}    --direct
    @{started} =    Get Records    keeper    process_started
    Should Be Empty    ${started}
    ${after} =    Get Daemon    hive
    Should Be Equal    ${before.pid}    ${after.pid}
    Get State    hive    ==    idle
    Get State    mock-worker-1    ==    idle

Ephemeral Hive Ends With The Keeper
    [Documentation]    The hive is the keeper's child. After the last token the keeper ends the hive with its worker, waits for
    ...    that end, and then exits itself.
    [Tags]    S51
    Set Time Rate    0
    Start Keeper    infer    --ephemeral-hive    --model    mock-model    --prompt    x    env=${SLOW_TOKENS}
    Wait Until Timer    mock-worker-1    token    within=5s
    Get Child Count    keeper    ==    2
    Get Child Count    keeper    ==    1    recursive=False
    Advance Time    1 min
    Get Exit Code    keeper    ==    0
    Get Exit Code    hive    ==    0
    Get Exit Code    mock-worker-1    ==    0
    @{ended} =    Get Records    keeper    process_exited
    Length Should Be    ${ended}    1    The keeper did not wait for the end of its hive
    Should Be Equal As Integers    ${ended}[0][exit_code]    0
    ${text} =    Keeper Output
    ${words} =    Split String    ${text}
    Length Should Be    ${words}    20

Ephemeral Queen Ends With The Keeper
    [Documentation]    The queen starts the hive over ssh, and its cascade ends hive and worker.
    [Tags]    S51
    Set Time Rate    10
    ${node} =    Start Node
    Register Node In Home Of The Keeper    ${node}
    ${port} =    Free Port
    ${result} =    Keeper Should Succeed    @{ASK}    --ephemeral    --queen-url    http://127.0.0.1:${port}
    Should Have Streamed    ${result}    20
    Get Exit Code    queen    ==    0
    Get Exit Code    hive    ==    0
    Get Exit Code    mock-worker-1    ==    0

Queen That Runs Already Is Used And Left Alone
    [Tags]    S51
    Start Registered Fleet    workers=1
    ${before} =    Get Daemon    queen
    ${result} =    Keeper Should Succeed    @{ASK}    --ephemeral
    Should Contain    ${result.stderr}    already running
    ${after} =    Get Daemon    queen
    Should Be Equal    ${before.pid}    ${after.pid}
    Get State    queen    ==    idle

Interrupted Keeper Ends What It Started
    [Documentation]    After Ctrl+C in the middle of the stream the exit code is 130, and hive and worker have ended.
    [Tags]    S51    S40
    Set Time Rate    0
    Start Keeper    infer    --ephemeral-hive    --model    mock-model    --prompt    x    env=${SLOW_TOKENS}
    Wait Until Timer    mock-worker-1    token    within=5s
    Interrupt    keeper
    Get Exit Code    keeper    ==    130    within=5s
    Get Exit Code    hive    ==    0
    Get Exit Code    mock-worker-1    ==    0

Failing Keeper Ends What It Started
    [Tags]    S51
    ${result} =    Keeper Should Fail    infer    --ephemeral-hive    --model    mock-model    --backend    metal    --prompt    x
    Should Contain    ${result.stderr}    BACKEND_UNAVAILABLE
    Get Exit Code    hive    ==    0

Hive That Cannot Start Is Explained
    [Tags]    S51
    VAR    &{env}    RBEE_HIVE_ARGS=--models-db /dev/null/models.db
    ${result} =    Keeper Should Fail    infer    --ephemeral-hive    --model    mock-model    --prompt    x    env=${env}
    Should Contain    ${result.stderr}    the hive ended while starting, exit code 1


*** Keywords ***
Register Node In Home Of The Keeper
    [Documentation]    Registers the node at a queen that uses the keeper's home, where an ephemeral queen has its registry.
    [Arguments]    ${node}
    ${port} =    Free Port
    ${folder}    ${_} =    Split Path    ${node.home}
    Start Queen    first    port=${port}    database=${folder}/keeper-home/.rbee/beehives.db
    Keeper Should Succeed    setup    add-node    @{node.flags()}    --queen-url    http://127.0.0.1:${port}
    Stop    first

Free Port
    [Documentation]    Returns a port that is free at this moment.
    ${port} =    Occupy Port    mode=refuse
    Release Port    ${port}
    RETURN    ${port}
