*** Settings ***
Documentation       From nothing to tokens: the queen starts the hive, the hive downloads the model and starts the worker.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Cold Start Streams Twenty Tokens
    [Documentation]    ssh starts the hive. The download breaks at 40 % and is resumed, the model fits, and the worker loads it.
    [Tags]    S07    S58
    Registered Node Without A Hive
    ${cut} =    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=2097152    times=1
    ${answer} =    Submit Inference    good morning    model=${MODEL}    max_tokens=20    backend=cuda    device=1
    Wait Until Inference Ends    ${answer}    within=15s
    Get Token Count    ${answer}    ==    20
    Get Inference State    ${answer}    ==    done
    Should Be Equal    ${answer.headers}[x-worker-id]    mock-worker-1
    Every Step Should Have Come In Its Order
    Ranges Should Be    ${EMPTY}    bytes=2097152-
    @{models} =    Get Rows    hive    models
    File Should Be The Hub's    ${models}[0][local_path]
    Get Command Line    mock-worker-1    contains    --backend cuda --device 1 --model ${models}[0][local_path]
    Get Ssh Count    workstation    ==    2
    @{nodes} =    Get Rows    queen    beehives
    Should Be Greater Than    ${nodes}[0][last_connected_unix]    1
    Get State    mock-worker-1    ==    idle    seen_by=queen
    Get Fault Hits    ${cut}    ==    1

Task Progress Shows Download And Loading
    [Documentation]    One stream has the stages of download and loading. The keeper draws its progress bars from it.
    [Tags]    S16
    Start Model Hub    rate=1MB
    Start Fleet    load_time=5s
    Set Time Rate    20
    ${queen} =    Get Daemon    queen
    ${download} =    Start Reading    ${queen.url}/v2/tasks/req-cold/progress
    ${answer} =    Submit Inference    good morning    model=${MODEL}    request_id=req-cold
    Wait Until Inference Ends    ${answer}    within=10s
    @{events} =    Wait Until Stream Ends    ${download}
    Should Be Equal    ${events}[-1]    [DONE]
    @{stages} =    Get Field Of Each    ${events}[:-1]    stage
    @{stages} =    Remove Duplicates    ${stages}
    VAR    @{expected}    downloading    complete    loading_to_vram
    Should Be Equal    ${stages}    ${expected}


*** Keywords ***
Registered Node Without A Hive
    [Documentation]    Starts a hub, a queen, and a registered node without a hive, last seen in 1970. Time is fast.
    Set Time Rate    20
    Start Model Hub
    ${node} =    Start Node    ram=8000MB    load_time=5s    backends=cuda,cpu
    ${queen} =    Start Queen
    POST    ${queen.url}/v2/registry/beehives/add    json=${node.registration()}    timeout=10
    ${path} =    Get Option    queen    --database
    Change Database    ${path}    UPDATE beehives SET last_connected_unix = 1

Every Step Should Have Come In Its Order
    [Documentation]    The journals of all processes have the requests of a cold start in their order.
    Requests Should Be In Order
    ...    queen POST /v2/tasks
    ...    hive GET /v1/workers/list
    ...    hive GET /v1/health
    ...    hive POST /v1/models/download
    ...    hub GET /api/models/${REPOSITORY}
    ...    hub GET ${FILE_PATH}
    ...    hub GET ${FILE_PATH}
    ...    hive POST /v1/workers/spawn
    ...    mock-worker-1 GET /v1/ready
    ...    mock-worker-1 GET /v1/loading/progress
    ...    mock-worker-1 GET /v1/ready
    ...    mock-worker-1 POST /v1/inference
    Requests Should Be In Order
    ...    hive POST /v1/models/download
    ...    hive GET /v1/models/download/progress
    ...    hive POST /v1/workers/spawn
    Requests Should Be In Order
    ...    hive POST /v1/workers/spawn
    ...    queen POST /v2/workers/ready
    ...    mock-worker-1 POST /v1/inference
