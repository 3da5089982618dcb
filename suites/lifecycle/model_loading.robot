*** Settings ***
Documentation       A worker that loads its model: its state, its progress stream, and the requests that it refuses.

Library             String
Library             RequestsLibrary
Library             ../../resources/event_reader.py
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Loading Worker Says Where To Look
    [Tags]    S30
    ${worker} =    Start Worker    hive=None    load_time=5 min    until=loading
    ${ready} =    GET    ${worker.url}/v1/ready    timeout=5
    Should Be Equal    ${ready.text}    {"ready":false,"state":"loading","progress_url":"${worker.url}/v1/loading/progress"}

Loading Progress Is Streamed
    [Tags]    S31
    ${worker} =    Start Worker    hive=None    load_time=300ms    until=loading
    ${progress} =    GET    ${worker.url}/v1/loading/progress    timeout=10
    VAR    ${expected}
    ...    data: {"stage":"loading_to_vram","layers_loaded":12,"layers_total":32,"vram_mb":2048}
    ...    data: {"stage":"loading_to_vram","layers_loaded":24,"layers_total":32,"vram_mb":4096}
    ...    data: {"stage":"ready"}
    ...    data: [DONE]
    ...    separator=\n
    ${events} =    Get Lines Matching Regexp    ${progress.text}    data: .*
    Should Be Equal    ${events}    ${expected}
    Get State    worker-1    ==    idle    within=0s

Loading Progress Comes As Layers Are Loaded
    [Documentation]    A layer takes a second. The events come after 12 and 24 s, and the last one when the model is loaded.
    [Tags]    S31
    Set Time Rate    0
    ${worker} =    Start Worker    hive=None    load_time=32s    until=loading
    ${progress} =    Start Reading    ${worker.url}/v1/loading/progress
    Get Request Count    worker-1    GET    /v1/loading/progress    ==    1    status=200
    Advance Time    11 s
    Should Be Empty    ${progress.events}
    Advance Time    1 s
    Wait For Event    ${progress}    layers_loaded=12
    Advance Time    11 s
    Length Should Be    ${progress.events}    1
    Advance Time    1 s
    Wait For Event    ${progress}    layers_loaded=24
    Advance Time    7 s
    Length Should Be    ${progress.events}    2
    Get State    worker-1    ==    loading    within=0s
    Advance Time    1 s
    Wait For Event    ${progress}    stage=ready

Late Reader Of The Progress Gets The Last Event
    [Tags]    S31
    ${worker} =    Start Worker    hive=None    load_time=50ms
    ${progress} =    GET    ${worker.url}/v1/loading/progress    timeout=5
    Should Be Equal    ${progress.text}    data: {"stage":"ready"}\n\ndata: [DONE]\n\n

Loaded Worker Is Ready
    [Tags]    S32
    ${worker} =    Start Worker    hive=None    load_time=50ms
    ${ready} =    GET    ${worker.url}/v1/ready    timeout=5
    Should Be Equal    ${ready.text}    {"ready":true,"state":"idle","model_loaded":true}

Loading Worker Refuses Inference
    [Tags]    S30
    Start Worker    hive=None    load_time=5 min    until=loading
    ${answer} =    Submit Inference    too early    to=worker-1
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    WORKER_NOT_READY
    Should Be Equal As Integers    ${answer.status}    503

Task For A Loading Worker Waits Until It Is Loaded
    [Documentation]    The queen polls `/v1/ready` until the worker is loaded. Its next request is the inference.
    [Tags]    S32
    Start Fleet    workers=0
    Start Worker    load_time=5s    until=loading
    Set Time Rate    20
    ${answer} =    Submit Inference    patience    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Requests Should Be In Order
    ...    worker-1 GET /v1/ready
    ...    worker-1 GET /v1/loading/progress
    ...    worker-1 GET /v1/ready
    ...    worker-1 POST /v1/inference
    Get Request Count    hive    POST    /v1/workers/spawn    ==    1

Pid Stays The Same From Loading To Idle
    [Tags]    L019
    Start Fleet    workers=0
    ${hive} =    Get Daemon    hive
    Start Worker    load_time=300ms    until=loading
    ${before} =    GET    ${hive.url}/v1/workers/list    timeout=5
    Should Be Equal    ${before.json()}[workers][0][state]    loading
    Get State    worker-1    ==    idle    seen_by=hive
    ${after} =    GET    ${hive.url}/v1/workers/list    timeout=5
    Should Be Equal    ${before.json()}[workers][0][pid]    ${after.json()}[workers][0][pid]
