*** Settings ***
Documentation       `rbee-keeper workers` and `rbee-keeper logs`: workers and logs of all nodes, by way of the queen.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Workers List Shows Every Worker
    [Documentation]    One request brings one line for each worker, with its node and the state that the queen has on record.
    [Tags]    S59
    Workers On Two Nodes
    ${busy} =    Submit Inference    long    to=worker-1
    Wait For Tokens    ${busy}    1
    Get State    worker-1    ==    busy
    Get State    worker-1    ==    idle    seen_by=queen
    ${mark} =    Mark Journal
    ${result} =    Keeper Should Succeed    workers    list
    Get Request Count    queen    GET    /v2/workers/list    ==    1    since=${mark}
    @{lines} =    Split To Lines    ${result.stdout}
    Length Should Be    ${lines}    2
    Should Have Parts    ${lines}[0]    worker-1    workstation    idle    mock-model
    Should Have Parts    ${lines}[1]    worker-2    blep    idle    mock-model

No Workers Says So
    [Tags]    S59
    Start Queen
    ${result} =    Keeper Should Succeed    workers    list
    Should Contain    ${result.stdout}    No workers

Workers Health Shows One Node
    [Documentation]    Only the workers of this node are shown. A killed worker is not ready.
    [Tags]    S60
    Workers On Two Nodes
    ${result} =    Keeper Should Succeed    workers    health    --node    workstation
    Should Have Parts    ${result.stdout}    worker-1    idle    ready
    Should Not Contain    ${result.stdout}    not ready
    Should Not Contain    ${result.stdout}    worker-2
    @{asked} =    Get Requests    queen    GET    /v2/workers/health
    Should Be Equal    ${asked[0].query}    node=workstation
    Freeze    hive
    Kill    worker-1
    ${result} =    Keeper Should Succeed    workers    health    --node    workstation
    Should Have Parts    ${result.stdout}    worker-1    unreachable    not ready

Workers Health Of An Unknown Node Fails
    [Tags]    S60
    Start Queen
    ${result} =    Keeper Should Fail    workers    health    --node    atlantis
    Should Contain    ${result.stderr}    NODE_NOT_FOUND

Workers Shutdown Ends The Worker
    [Documentation]    The worker unloads its model and exits with 0. Hive and queen no longer list it.
    [Tags]    S61
    Start Registered Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${result} =    Keeper Should Succeed    workers    shutdown    --id    worker-1
    Should Have Parts    ${result.stdout}    worker-1    shutdown
    Get Request Count    worker-1    POST    /v1/admin/shutdown    ==    1
    Get Exit Code    worker-1    ==    0
    Get Output    worker-1    contains    model unloaded
    Get Worker Count    hive    ==    0
    Get Worker Count    queen    ==    0

Shutdown Of An Unknown Worker Fails
    [Tags]    S61
    Start Queen
    ${result} =    Keeper Should Fail    workers    shutdown    --id    nobody
    Should Contain    ${result.stderr}    WORKER_NOT_FOUND
    Get Request Count    queen    POST    /v2/workers/shutdown    ==    1    status=404

Logs Follow Until Ctrl+C
    [Documentation]    New lines of the hive's log are printed as they are written. Ctrl+C ends the keeper with 130.
    [Tags]    S62
    Start Registered Fleet
    Start Keeper    logs    --node    workstation    --follow
    Get Output    keeper    contains    serves on    stream=stdout
    Start Worker
    Get Output    keeper    contains    worker worker-1    stream=stdout
    Interrupt    keeper
    Get Exit Code    keeper    ==    130
    @{asked} =    Get Requests    queen    GET    /v2/logs
    Should Be Equal    ${asked[0].query}    node=workstation&follow=true

Logs End By Themselves
    [Tags]    S62
    Start Registered Fleet
    ${result} =    Keeper Should Succeed    logs    --node    workstation
    Should Contain    ${result.stdout}    serves on


*** Keywords ***
Workers On Two Nodes
    [Documentation]    Starts worker-1 on the node workstation and worker-2 on the node blep.
    Start Queen
    Start Hive
    Start Hive    blep
    Start Worker    worker-1    token_delay=1s
    Start Worker    worker-2    hive=blep
    Get Worker Count    queen    ==    2
    Get Request Count    queen    POST    /v2/workers/ready    ==    4    status=200
