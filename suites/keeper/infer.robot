*** Settings ***
Documentation       `rbee-keeper infer`: the tokens go to standard output as they come, everything else to standard error.
...                 By way of the queen, and directly.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Cold Start Streams Twenty Tokens
    [Documentation]    From nothing: ssh starts the hive, the model is downloaded and loaded; both bars are shown.
    [Tags]    S07    S58
    Set Time Rate    20
    Start Model Hub    rate=2MB
    ${node} =    Start Node    ram=8000MB    load_time=3s    backends=cuda,cpu
    Start Queen
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${result} =    Keeper Should Succeed
    ...    infer    --node    workstation    --model    ${MODEL}    --prompt    write a poem
    ...    --max-tokens    20    --temperature    0.7    --backend    cuda    --device    1
    Should Have Streamed    ${result}    20
    Should Have Parts    ${result.stderr}    20% 1.0 MB / 5.0 MB    MB/s    100% 5.0 MB / 5.0 MB    12/32 layers    24/32 layers
    @{spawns} =    Get Requests    hive    POST    /v1/workers/spawn
    Should Be Equal    ${spawns[0].body}[backend]    cuda
    Should Be Equal As Integers    ${spawns[0].body}[device]    1
    @{inferences} =    Get Requests    mock-worker-1    POST    /v1/inference
    Should Be Equal As Integers    ${inferences[0].body}[max_tokens]    20
    Should Be Equal As Numbers    ${inferences[0].body}[temperature]    0.7

Cold Start Works Directly
    [Documentation]    The queen only says where the hive is; the keeper asks hive and worker itself.
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
    [Documentation]    After the list the next request is the inference: no health, no download, no spawn, the same process.
    [Tags]    S08    S10
    Warm Start Should Reuse The Worker

Warm Start Reuses The Idle Worker Directly
    [Tags]    S08    S10
    Warm Start Should Reuse The Worker    --direct

Tokens Grow On Standard Output
    [Documentation]    While the stream runs, and the worker is busy meanwhile.
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
    ${counts} =    Evaluate    [len($first.split()), len($second.split())]
    Should Be Equal    ${counts}    ${{ [5, 10] }}
    Advance Time    2 s
    Get Exit Code    keeper    ==    0
    Get State    worker-1    ==    idle

All Event Shapes Are Read
    [Documentation]    Plain, indexed and typed: the same twenty tokens.
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
    [Documentation]    One line a megabyte, where standard error is no terminal.
    [Tags]    S16
    Set Time Rate    20
    Start Model Hub    rate=2MB
    Start Registered Fleet
    ${result} =    Keeper Should Succeed    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Match Regexp    ${result.stderr}    40% 2\\.0 MB / 5\\.0 MB, [0-9.]+ MB/s

Missing Node Is A Usage Error
    [Documentation]    Exit code 2, like any bad flag.
    ${result} =    Run Keeper    infer    --model    mock-model    --prompt    x
    Should Be Equal As Integers    ${result.rc}    2
    ${result} =    Run Keeper    infer    --nod    workstation
    Should Be Equal As Integers    ${result.rc}    2
    ${result} =    Run Keeper    dance
    Should Be Equal As Integers    ${result.rc}    2


*** Keywords ***
Warm Start Should Reuse The Worker
    [Documentation]    In one of both flows.
    [Arguments]    @{flags}
    Start Registered Fleet    workers=1
    ${before} =    Get Daemon    worker-1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${mark} =    Mark Journal
    ${result} =    Keeper Should Succeed    @{ASK}    @{flags}
    Should Have Streamed    ${result}    20
    @{asked} =    Get Requests    hive    ${None}    ${None}    since=${mark}
    @{paths} =    Evaluate    [f"{request.method} {request.path}" for request in $asked]
    Should Be Equal    ${paths}    ${{ ["GET /v1/workers/list"] }}
    Get Child Count    hive    ==    1
    ${after} =    Get Daemon    worker-1
    Should Be Equal    ${before.pid}    ${after.pid}

Keeper Should Read Shape
    [Documentation]    A worker that stands alone in its fleet, with this shape of events.
    [Arguments]    ${shape}
    Start Registered Fleet    workers=1    event_shape=${shape}
    ${result} =    Keeper Should Succeed    @{ASK}
    Should Have Streamed    ${result}    20
    Stop All
