*** Settings ***
Documentation       The start of a worker: the hive spawns it, it serves requests, it calls back, and it is listed.

Library             RequestsLibrary
Library             ../../resources/callback_receiver.py
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1    api_key=top-secret
Test Teardown       Fleet Should Have Behaved


*** Variables ***
&{KEY}      Authorization=Bearer top-secret


*** Test Cases ***
Spawned Worker Shows Its Flags In The Process Table
    [Tags]    S27    S25
    Start Worker    worker-1    model_ref=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF    backend=cuda    device=1
    ${hive} =    Get Command Line    hive
    Get Command Line    worker-1    starts    mock-worker --port
    Get Command Line    worker-1    contains    --model-ref hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
    Get Command Line    worker-1    contains    --backend cuda --device 1
    Get Command Line    worker-1    contains    --api-key ***
    Get Command Line    worker-1    not contains    top-secret
    Should Not Contain    ${hive}    top-secret

Hive Logs The Worker That It Has Started
    ${worker} =    Start Worker
    Get Output    hive    contains    worker worker-1 (pid ${worker.pid}) started on port ${worker.port}

Worker Serves Before It Calls Back
    [Documentation]    The receiver of the callback requests the worker's health at once, and gets an answer.
    [Tags]    S27
    ${url} =    Start Callback Receiver
    Start Worker    early-bird    hive=None    callback_url=${url}
    ${body}    ${health} =    Wait For Callback
    Should Be Equal    ${body}[worker_id]    early-bird
    Should Be Equal    ${health}    {"status":"healthy","state":"idle"}

Ready Callback Updates Hive And Queen
    [Tags]    S28
    ${worker} =    Start Worker    worker-1    model_ref=hf:org/model    backend=cuda    device=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    @{callbacks} =    Get Requests    hive    POST    /v1/workers/ready
    VAR    &{expected}
    ...    worker_id=worker-1    url=${worker.url}    model_ref=hf:org/model    state=idle
    ...    backend=cuda    device=${1}    slots_total=${1}    slots_available=${1}
    Should Be Equal    ${callbacks[0].body}    ${expected}
    Get State    worker-1    ==    idle    seen_by=hive
    Get State    worker-1    ==    idle    seen_by=queen
    ${queen} =    Get Daemon    queen
    ${list} =    GET    ${queen.url}/v2/workers/list    headers=${KEY}    timeout=5
    VAR    &{row}
    ...    worker_id=worker-1    node=workstation    state=idle    model_ref=hf:org/model
    ...    url=${worker.url}    backend=cuda    device=${1}    slots_total=${1}
    ...    slots_available=${1}    last_heartbeat_unix=${None}
    Dictionaries Should Be Equal    ${list.json()}[workers][0]    ${row}

Loading Worker Is Listed Without Free Slots
    [Tags]    S29    L019
    Start Worker    worker-1    model_ref=hf:org/model    backend=cuda    device=1    load_time=5 min    until=loading
    ${hive} =    Get Daemon    hive
    ${list} =    GET    ${hive.url}/v1/workers/list    headers=${KEY}    timeout=5
    VAR    ${row}    ${list.json()}[workers][0]
    Should Be Equal    ${row}[id]    worker-1
    Should Be Equal    ${row}[model_ref]    hf:org/model
    Should Be Equal    ${row}[backend]    cuda
    Should Be Equal    ${row}[device]    ${1}
    Should Be Equal    ${row}[state]    loading
    Should Be Equal    ${row}[slots_total]    ${1}
    Should Be Equal    ${row}[slots_available]    ${0}

Restarted Hive Remembers No Worker
    [Documentation]    The hive was killed, its worker lives on. The new hive has an empty list, which is only in memory.
    [Tags]    S29
    Start Worker    worker-1
    Get Worker Count    hive    ==    1
    Kill    hive
    Restart    hive
    Get Worker Count    hive    ==    0    within=0s
    Get State    worker-1    ==    idle    within=0s
