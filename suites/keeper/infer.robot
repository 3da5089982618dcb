*** Settings ***
Documentation       `rbee-keeper infer`, through the queen and directly: tokens go to standard output as they arrive,
...                 everything else to standard error.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Cold Start Streams Twenty Tokens
    [Documentation]    ssh starts the hive, and the model is downloaded and loaded. The keeper shows a bar for each of both.
    [Tags]    S07    S58
    Set Time Rate    20
    Start Model Hub    rate=2MB
    ${node} =    Start Node    ram=8000MB    load_time=3s    backends=cuda,cpu
    Start Queen
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${result} =    Keeper Should Succeed
    ...    infer    --node    workstation    --model    ${MODEL}    --prompt    write a poem
    ...    --max-tokens    20    --temperature    0.2    --backend    cuda    --device    1
    Should Have Streamed    ${result}    20
    Should Have Parts    ${result.stderr}    20% 1.0 MB / 5.0 MB    MB/s    100% 5.0 MB / 5.0 MB    12/32 layers    24/32 layers
    @{spawns} =    Get Requests    hive    POST    /v1/workers/spawn
    Should Be Equal    ${spawns[0].body}[backend]    cuda
    Should Be Equal As Integers    ${spawns[0].body}[device]    1
    @{inferences} =    Get Requests    mock-worker-1    POST    /v1/inference
    Should Be Equal As Integers    ${inferences[0].body}[max_tokens]    20
    Should Be Equal As Numbers    ${inferences[0].body}[temperature]    0.2

Cold Start Works Directly
    [Documentation]    The queen only answers with the hive's URL. The keeper sends its requests to hive and worker itself.
    [Tags]    S07
    Set Time Rate    20
    Start Model Hub    rate=2MB
    Start Registered Fleet    load_time=3s
    ${result} =    Keeper Should Succeed    infer    --direct    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Have Streamed    ${result}    20
    Should Have Parts    ${result.stderr}    100% 5.0 MB / 5.0 MB    12/32 layers
    Requests Should Be In Order    queen POST /v2/tasks    hive GET /v1/workers/list    hive GET /v1/health
    ...    hive POST /v1/models/download    hive POST /v1/workers/spawn    mock-worker-1 POST /v1/inference
    @{inferences} =    Get Requests    mock-worker-1    POST    /v1/inference
    Should Be Equal    ${inferences[0].caller}    fake-keeper/0.1.0

Warm Start Reuses The Idle Worker
    [Documentation]    After the list, the next request is the inference: no health, no download, no spawn, no new process.
    [Tags]    S08    S10
    Warm Start Should Reuse The Worker

Warm Start Reuses The Idle Worker Directly
    [Tags]    S08    S10
    Warm Start Should Reuse The Worker    --direct

Tokens Grow On Standard Output
    [Documentation]    Tokens are printed while the stream runs, and the worker is busy meanwhile.
    [Tags]    S34
    Start Registered Fleet    workers=1    token_delay=100ms
    Set Time Rate    0
    Start Keeper    @{ASK}
    Wait Until Timer    worker-1    token
    Get State    worker-1    ==    busy
    Advance Time    400 ms
    ${first} =    Keeper Output
    Advance Time    500 ms
    ${second} =    Keeper Output
    Should Start With    ${second}    ${first}
    @{words} =    Split String    ${first}
    Length Should Be    ${words}    5
    @{words} =    Split String    ${second}
    Length Should Be    ${words}    10
    Advance Time    2 s
    Get Exit Code    keeper    ==    0
    Get State    worker-1    ==    idle

All Event Shapes Are Read
    [Documentation]    Plain, indexed and typed events bring twenty tokens each.
    [Tags]    S34
    [Template]    Keeper Should Read Shape
    plain
    indexed
    typed

Same Prompt And Seed Give The Same Text
    [Tags]    S34
    Start Registered Fleet    workers=1
    ${one} =    Keeper Should Succeed    @{ASK}    --seed    7
    ${two} =    Keeper Should Succeed    @{ASK}    --seed    7
    ${other} =    Keeper Should Succeed    @{ASK}    --seed    8
    Should Be Equal    ${one.stdout}    ${two.stdout}
    Should Not Be Equal    ${one.stdout}    ${other.stdout}

Key Is Passed On To Hive And Worker
    [Tags]    S34    S44
    Start Registered Fleet    workers=1    api_key=right_key
    ${result} =    Keeper Should Succeed    @{ASK}    api_key=right_key
    Should Have Streamed    ${result}    20

Download Bar Shows Percent And Speed
    [Documentation]    If standard error is not a terminal, the bar is one line for each megabyte.
    [Tags]    S16
    Set Time Rate    20
    Start Model Hub    rate=2MB
    Start Registered Fleet
    ${result} =    Keeper Should Succeed    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Match Regexp    ${result.stderr}    40% 2\\.0 MB / 5\\.0 MB, [0-9.]+ MB/s

Missing Node Is A Usage Error
    [Documentation]    The exit code is 2, as for every bad argument.
    ${result} =    Run Keeper    infer    --model    mock-model    --prompt    x
    Should Be Equal As Integers    ${result.rc}    2
    ${result} =    Run Keeper    infer    --nod    workstation
    Should Be Equal As Integers    ${result.rc}    2
    ${result} =    Run Keeper    dance
    Should Be Equal As Integers    ${result.rc}    2


*** Keywords ***
Warm Start Should Reuse The Worker
    [Documentation]    A keeper with these flags uses the idle worker.
    [Arguments]    @{flags}
    Start Registered Fleet    workers=1
    ${before} =    Get Daemon    worker-1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${mark} =    Mark Journal
    ${result} =    Keeper Should Succeed    @{ASK}    @{flags}
    Should Have Streamed    ${result}    20
    @{requests} =    Get Requests    hive    since=${mark}
    Length Should Be    ${requests}    1
    Should Be Equal    ${requests[0].method}    GET
    Should Be Equal    ${requests[0].path}    /v1/workers/list
    Get Child Count    hive    ==    1
    ${after} =    Get Daemon    worker-1
    Should Be Equal    ${before.pid}    ${after.pid}

Keeper Should Read Shape
    [Documentation]    The keeper reads the stream of a worker that sends this shape of events.
    [Arguments]    ${shape}
    Start Registered Fleet    workers=1    event_shape=${shape}
    ${result} =    Keeper Should Succeed    @{ASK}
    Should Have Streamed    ${result}    20
    Stop All
