*** Settings ***
Documentation       Failures before the first token, and how the keeper explains them: the code, the numbers, and what to do.
...                 The exit code is always the keeper's own 1.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${BIG}      hf:org/big


*** Test Cases ***
Inference On An Unknown Node Is Refused
    [Documentation]    The message has the command that adds the node. Neither ssh nor a hive is used.
    [Tags]    S06
    Start Node
    Start Queen
    ${result} =    Keeper Should Fail    @{ASK}
    Should Have Parts    ${result.stderr}    ERROR    workstation    registry
    ...    rbee-keeper setup add-node    --name workstation    --ssh-host
    Get Ssh Count    workstation    ==    0
    @{sent} =    Get Records    queen    request_out
    Should Be Empty    ${sent}

Connection Timeout Is Explained
    [Documentation]    The hive refuses connections. The keeper prints three attempts, after 0, 200 and 400 ms, and
    ...    then what to check.
    [Tags]    S14    S36    EC1
    Queen Without A Hive
    Set Time Rate    0
    Start Keeper    @{ASK}
    Wait Until Timer    queen    connect-pause
    Advance Time    1 s
    Get Exit Code    keeper    ==    1
    Connection Should Have Been Tried Three Times    queen

Connection Timeout Is Explained Directly
    [Documentation]    Here the keeper itself makes the attempts.
    [Tags]    S14    S36    EC1
    ${port} =    Occupy Port    mode=refuse
    Set Time Rate    0
    Start Keeper    @{ASK}    --hive-url    http://127.0.0.1:${port}
    Wait Until Timer    keeper    connect-pause
    Advance Time    1 s
    Get Exit Code    keeper    ==    1
    Connection Should Have Been Tried Three Times    keeper

Host That Does Not Answer Costs Ten Seconds An Attempt
    [Documentation]    The backlog of the port is full: three times 10 s and the pauses take 30.6 s of the run's clock.
    [Tags]    S14    S36    EC1
    ${port} =    Occupy Port    mode=ignore
    Set Time Rate    0
    Start Keeper    @{ASK}    --hive-url    http://127.0.0.1:${port}
    Wait Until Timer    keeper    connect
    Advance Time    30500 ms
    Get State    keeper    ==    running    seen_by=process
    Advance Time    100 ms
    Get Exit Code    keeper    ==    1
    Get Output    keeper    contains    CONNECTION_TIMEOUT    stream=stderr

Version Mismatch Is Explained
    [Documentation]    The message has both versions and the command that upgrades the keeper. Nothing is downloaded or started.
    [Tags]    S13    S43    EC8
    Version Should Not Fit

Version Mismatch Is Explained Directly
    [Tags]    S13    S43    EC8
    Version Should Not Fit    --direct

Download Failure Is Explained
    [Documentation]    The download breaks at 40 %, is resumed, breaks at 60 %, and then at every attempt.
    ...    The bars show both places.
    [Tags]    S17    S37    L009    EC2
    Start Model Hub    rate=2MB
    Start Registered Fleet
    Inject Fault    hub    cut    after_bytes=2097152    times=1
    Inject Fault    hub    cut    after_bytes=1048576    after_requests=1    times=1
    Inject Fault    hub    cut    after_bytes=0    after_requests=2
    Keeper Waits For A Download
    Advance Time    20 s
    Get Exit Code    keeper    ==    1
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    40% 2.0 MB / 5.0 MB    Connection reset by peer    attempt 2/6, delay 100ms
    ...    60% 3.0 MB / 5.0 MB    attempt 3/6, delay 200ms    attempt 6/6, delay 1600ms    DOWNLOAD_FAILED
    VAR    ${rest}    bytes=3145728-
    Ranges Should Be    ${EMPTY}    bytes=2097152-    ${rest}    ${rest}    ${rest}    ${rest}

Resumed Download Is No Failure
    [Tags]    S17
    Set Time Rate    20
    Start Model Hub    rate=2MB
    Start Registered Fleet
    Inject Fault    hub    cut    after_bytes=2097152    times=1
    ${result} =    Keeper Should Succeed    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Have Streamed    ${result}    20
    Should Have Parts    ${result.stderr}    40%    attempt 2/6    60%    100%

Unknown Model Is Explained
    [Tags]    L006
    ${hub} =    Start Model Hub
    Start Registered Fleet
    ${result} =    Keeper Should Fail    infer    --node    workstation    --model    hf:NonExistent/FakeModel    --prompt    x
    Should Have Parts    ${result.stderr}    MODEL_NOT_FOUND    ${hub.url}

Private Model Is Explained
    [Tags]    L007
    Start Model Hub    gated=${REPOSITORY}    token=hf_secret
    Start Registered Fleet
    ${result} =    Keeper Should Fail    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Have Parts    ${result.stderr}    MODEL_ACCESS_DENIED    HF_TOKEN

Wrong Checksum Is Explained
    [Tags]    L010
    Start Fleet With Hub
    Inject Fault    hub    corrupt
    Keeper Waits For A Download
    Advance Time    10 s
    Get Exit Code    keeper    ==    1
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    checksum    attempt 2/6    DOWNLOAD_FAILED

Wrong Checksum Once Is No Failure
    [Documentation]    The file is deleted and downloaded again from its first byte, and the keeper prints the reason.
    [Tags]    L010
    Set Time Rate    20
    Start Fleet With Hub
    Inject Fault    hub    corrupt    times=1
    ${result} =    Keeper Should Succeed    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Have Streamed    ${result}    20
    Should Have Parts    ${result.stderr}    checksum    attempt 2/6    100%
    Ranges Should Be    ${EMPTY}    ${EMPTY}

Stalled Download Is Explained
    [Tags]    L008
    Start Fleet With Hub
    Inject Fault    hub    stall    after_bytes=1
    Keeper Waits For A Download
    Wait Until Timer    hive    download-stall
    Advance Time    7 min
    Get Exit Code    keeper    ==    1
    Get Output    keeper    contains    DOWNLOAD_TIMEOUT    stream=stderr
    Get Request Count    queen    POST    /v2/tasks    ==    1    status=504

Full Disk Is Explained
    [Documentation]    The message has the required, the available and the missing space, and how to free some.
    [Tags]    L011
    Start Model Hub    files=org/large/large.gguf=5000MB
    Start Registered Fleet    disk=1000MB
    ${result} =    Keeper Should Fail    infer    --node    workstation    --model    hf:org/large    --prompt    x
    Should Have Parts    ${result.stderr}    INSUFFICIENT_DISK    5000 MB    1000 MB    4000 MB    models rm

Disk That Fills Up Is Explained
    [Tags]    L012
    Start Model Hub
    Start Registered Fleet    file_size_limit=2MB
    ${result} =    Keeper Should Fail    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Should Have Parts    ${result.stderr}    INSUFFICIENT_DISK    models rm
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1

Too Little RAM Is Explained
    [Documentation]    The message has both numbers and suggests a smaller model. No worker starts.
    [Tags]    S24    S53
    Memory Should Not Suffice    ram=4000MB

Too Little VRAM Is Explained
    [Documentation]    VRAM matters for a backend that has VRAM.
    [Tags]    S38    EC3
    Memory Should Not Suffice    --backend    cuda    ram=8000MB    vram=4000MB

Missing Backend Is Explained
    [Tags]    S26
    Start Registered Fleet
    ${result} =    Keeper Should Fail    @{ASK}    --backend    metal
    Should Have Parts    ${result.stderr}    BACKEND_UNAVAILABLE    metal    cpu, cuda
    Get Child Count    hive    ==    0

Missing Worker Binary Is Explained
    [Documentation]    The message has the path of the missing program, and how to install it.
    [Tags]    L013
    Start Registered Fleet    worker_binary=/nowhere/llm-worker-rbee
    ${result} =    Keeper Should Fail    @{ASK}
    Should Have Parts    ${result.stderr}    WORKER_BINARY_NOT_FOUND    /nowhere/llm-worker-rbee    setup install
    Get Request Count    hive    POST    /v1/workers/spawn    ==    1    status=500
    Get Worker Count    hive    ==    0

Missing Hive Binary Is Explained
    [Tags]    L003
    ${node} =    Start Node    installed=False
    Start Queen
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${result} =    Keeper Should Fail    @{ASK}
    Should Have Parts    ${result.stderr}    HIVE_NOT_INSTALLED    command not found    setup install --node workstation

Worker That Dies During Start Is Reported
    [Tags]    L015
    Start Registered Fleet
    Inject Fault    mock-worker-1    exit    status=1
    ${result} =    Keeper Should Fail    @{ASK}    --model    mock-model
    Should Have Parts    ${result.stderr}    WORKER_CRASHED    exit code 1
    Get Worker Count    hive    ==    0

Loading Timeout Is Explained
    [Documentation]    Loading stops at 28 of 32 layers. After five minutes the keeper gives up, and no inference is sent.
    [Tags]    S33    S42    EC7
    Loading Should Time Out    queen

Loading Timeout Is Explained Directly
    [Tags]    S33    S42    EC7
    Loading Should Time Out    keeper    --direct

Loading Bar Shows The Layers
    [Documentation]    The bar follows the worker's progress stream.
    [Tags]    S31    S30    S32
    Set Time Rate    20
    Start Registered Fleet    load_time=3s
    ${result} =    Keeper Should Succeed    @{ASK}
    Should Have Parts    ${result.stderr}    12/32 layers    24/32 layers
    Requests Should Be In Order
    ...    mock-worker-1 GET /v1/ready
    ...    mock-worker-1 GET /v1/loading/progress
    ...    mock-worker-1 GET /v1/ready
    ...    mock-worker-1 POST /v1/inference

Wrong API Key Is Refused And Explained
    [Documentation]    The hive answers the first request with 401, and starts nothing. The right key works.
    [Tags]    S44    EC9
    Start Queen
    ${hive} =    Start Hive    api_key=right_key
    Add Hive To Registry    workstation
    ${host} =    Remove String    ${hive.url}    http://
    ${result} =    Keeper Should Fail    @{ASK}    --api-key    wrong_key
    Should Have Parts    ${result.stderr}    authentication failed    ${host}    INVALID_API_KEY    ~/.rbee/config.yaml
    @{requests} =    Get Requests    hive
    Should Be Equal As Integers    ${requests[0].status}    401
    No Request Should Come    hive    POST    /v1/workers/spawn
    Should Not Contain    ${result.stderr}    wrong_key
    Keeper Should Succeed    @{ASK}    --api-key    right_key

Queen That Is Not There Is Explained
    [Documentation]    The keeper prints three attempts, and the address that does not answer.
    Set Time Rate    10
    ${port} =    Occupy Port    mode=refuse
    ${result} =    Keeper Should Fail    workers    list    --queen-url    http://127.0.0.1:${port}
    Should Have Parts    ${result.stderr}    Attempt 1/3    Attempt 3/3    CONNECTION_TIMEOUT    127.0.0.1:${port}
    Should Contain    ${result.stderr}    queen-rbee is running at 127.0.0.1:${port}


*** Keywords ***
Queen Without A Hive
    [Documentation]    Starts a queen with a registered node whose hive refuses connections. The queen must not start the hive.
    ${port} =    Occupy Port    mode=refuse
    Start Queen    no_hive_start=True    node_url=workstation=http://127.0.0.1:${port}
    Add Hive To Registry    workstation

Connection Should Have Been Tried Three Times
    [Documentation]    This program made three attempts with rbee's pauses, and the keeper printed each of them.
    [Arguments]    ${program}
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    Attempt 1/3: 127.0.0.1:    timeout 10s    Attempt 2/3    timeout 10s, delay 200ms
    ...    Attempt 3/3    delay 400ms    CONNECTION_TIMEOUT    3 attempts failed    rbee-hive is running
    @{records} =    Get Records    ${program}    request_out    path=/v1/workers/list
    ${pauses} =    Get Gaps    ${records}    field=start
    Should Be Equal    ${pauses}    [200, 400]    type=list[int]

Keeper Waits For A Download
    [Documentation]    Starts a keeper that needs a download, and waits until its progress is read. The clock is held.
    Set Time Rate    0
    Start Keeper    infer    --node    workstation    --model    ${MODEL}    --prompt    x
    Get Request Count    hive    GET    /v1/models/download/progress    ==    1    status=200

Version Should Not Fit
    [Documentation]    A keeper with these flags fails at a hive of version 0.2.0.
    [Arguments]    @{flags}
    Start Queen
    Start Hive    report_version=0.2.0
    Add Hive To Registry    workstation
    ${result} =    Keeper Should Fail    @{ASK}    @{flags}
    Should Have Parts    ${result.stderr}    VERSION_MISMATCH    v0.1.0    v0.2.0    cargo install rbee-keeper --version 0.2.0
    Should Contain    ${result.stderr}    upgrade
    No Request Should Come    hive    POST    *

Memory Should Not Suffice
    [Documentation]    A model of 5000 MB needs 6000 MB, and 4000 MB are free.
    [Arguments]    @{flags}    &{options}
    Start Fleet With Hub    &{options}
    Add Model To Catalog    ${BIG}    size=5000MB
    ${result} =    Keeper Should Fail    infer    --node    workstation    --model    ${BIG}    --prompt    x    @{flags}
    Should Have Parts    ${result.stderr}    VRAM_EXHAUSTED    workstation    Required: 6000 MB    Available: 4000 MB
    ...    smaller quantized model    Q4 instead of Q8
    Get Child Count    hive    ==    0
    @{spawns} =    Get Requests    hive    POST    /v1/workers/spawn
    Should Be Equal As Integers    ${spawns[0].status}    507

Loading Should Time Out
    [Documentation]    This program polls the loading worker every 2 s and gives up after 300 s.
    [Arguments]    ${poller}    @{flags}
    Start Registered Fleet    load_time=32s
    Inject Fault    mock-worker-1    stick    layer=28
    Set Time Rate    0
    Start Keeper    @{ASK}    @{flags}
    Wait Until Timer    ${poller}    ready-poll
    Advance Time    299 s
    Get State    keeper    ==    running    seen_by=process
    Advance Time    2 s
    Get Exit Code    keeper    ==    1
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    24/32 layers    28/32 layers    LOADING_TIMEOUT
    ...    loading    5 minutes    28/32    worker logs
    No Request Should Come    mock-worker-1    POST    /v1/inference
    ${polls} =    Get Request Count    mock-worker-1    GET    /v1/ready
    Should Be Between    ${polls}    150    152
