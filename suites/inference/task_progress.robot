*** Settings ***
Documentation       What the queen reports about a task besides its stream: progress, the URL of the hive, cancellation, errors.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Progress Of A Task Shows The Layers
    [Documentation]    The progress stream may be opened before the task exists. It ends when the answer begins.
    [Tags]    S31
    Start Worker    load_time=10s    until=loading
    Set Time Rate    20
    ${queen} =    Get Daemon    queen
    ${answer} =    Submit Inference    patience    max_tokens=3    request_id=req-progress
    ${progress} =    GET    ${queen.url}/v2/tasks/req-progress/progress    timeout=10
    Should Contain    ${progress.text}    {"stage":"loading_to_vram","layers_loaded":12,"layers_total":32,"vram_mb":2048}
    Should Contain    ${progress.text}    {"stage":"loading_to_vram","layers_loaded":24,"layers_total":32,"vram_mb":4096}
    Should End With    ${progress.text}    data: [DONE]\n\n
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    3

Direct Task Says Where The Hive Is
    [Tags]    S10
    ${queen} =    Get Daemon    queen
    ${hive} =    Get Daemon    hive
    ${answer} =    POST
    ...    ${queen.url}/v2/tasks
    ...    data={"node":"workstation","model":"mock-model","prompt":"x","direct":true}
    ...    timeout=5
    Should Be Equal    ${answer.text}    {"node":"workstation","hive_url":"${hive.url}"}

Waiting Task That Is Cancelled Answers 499
    [Tags]    S40
    Start Worker    load_time=5 min    until=loading
    ${answer} =    Submit Inference    never mind
    Get Request Count    worker-1    GET    /v1/ready    >=    1
    Cancel Inference    ${answer}    by=delete
    Get Inference State    ${answer}    ==    refused
    Should Be Equal As Integers    ${answer.status}    499
    Get Inference Error    ${answer}    ==    REQUEST_CANCELED
    Get Request Count    worker-1    POST    /v1/inference    ==    0

Task For A Hive That Is Gone Says So After Three Attempts
    [Tags]    S14
    Stop    hive
    Set Time Rate    10
    ${answer} =    Submit Inference    anybody there
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    CONNECTION_TIMEOUT
    Should Be Equal As Integers    ${answer.status}    504
    Should Contain    ${answer.error}[message]    3 attempts failed: Connection refused
