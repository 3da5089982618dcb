*** Settings ***
Documentation       Two ways to cancel: a DELETE request, and a closed connection. Both free the slot.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Delete Ends The Stream And Frees The Slot
    [Tags]    S40
    Start Worker    hive=None    token_delay=100ms
    ${answer} =    Submit Inference    tell me more    to=worker-1    max_tokens=1000
    Wait For Tokens    ${answer}    3
    Cancel Inference    ${answer}    by=delete
    Get Inference State    ${answer}    ==    cancelled
    Get Token Count    ${answer}    <    20
    Get State    worker-1    ==    idle

Delete Ends A Silent Stream
    [Documentation]    The next token would come in an hour.
    [Tags]    S40
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    think hard    to=worker-1
    Wait For Tokens    ${answer}    1
    Cancel Inference    ${answer}    by=delete    within=1s
    Get Token Count    ${answer}    ==    1
    Get State    worker-1    ==    idle

Typed Stream Says That It Was Cancelled
    [Tags]    S40
    Start Worker    hive=None    token_delay=1 h    event_shape=typed
    ${answer} =    Submit Inference    think hard    to=worker-1
    Wait For Tokens    ${answer}    1
    Cancel Inference    ${answer}
    Should Be Equal    ${answer.events}[-1][stop_reason]    CANCELLED

Client That Leaves Is Noticed
    [Documentation]    The worker stops generating, and its slot is free.
    [Tags]    L035
    Start Worker    hive=None    token_delay=20ms
    ${answer} =    Submit Inference    never mind    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    3
    Cancel Inference    ${answer}    by=disconnect
    Get State    worker-1    ==    idle    within=1s
    Get Output    worker-1    contains    client of ${answer.id} is gone
    @{records} =    Get Records    worker-1    token    client_gone    inference_ended
    Should Be Equal    ${records}[-2][record]    client_gone
    Should Be Equal    ${records}[-1][record]    inference_ended

Client That Leaves A Silent Stream Is Noticed
    [Documentation]    The worker notices it before its next write.
    [Tags]    L035
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    never mind    to=worker-1
    Wait For Tokens    ${answer}    1
    Cancel Inference    ${answer}    by=disconnect
    Get State    worker-1    ==    idle    within=1s

Client Of The Queen That Leaves Frees The Worker
    [Tags]    L035
    Start Fleet    workers=1    token_delay=1 h
    ${answer} =    Submit Inference    never mind
    Wait For Tokens    ${answer}    1
    Cancel Inference    ${answer}    by=disconnect
    Get State    worker-1    ==    idle    within=1s

Delete At The Queen Reaches The Worker
    [Tags]    S40
    Start Fleet    workers=1    token_delay=1 h
    ${answer} =    Submit Inference    stop it
    Wait For Tokens    ${answer}    1
    Cancel Inference    ${answer}    by=delete
    Get Request Count    worker-1    DELETE    /v1/inference/${answer.id}    ==    1
    Get State    worker-1    ==    idle    within=1s

Cancelling Twice Is Harmless
    [Tags]    L036
    ${worker} =    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    once    to=worker-1    request_id=req-123
    Wait For Tokens    ${answer}    1
    ${first} =    DELETE    ${worker.url}/v1/inference/req-123    timeout=5
    ${second} =    DELETE    ${worker.url}/v1/inference/req-123    timeout=5
    Should Be Equal As Integers    ${first.status_code}    204
    Should Be Equal As Integers    ${second.status_code}    204
    Wait Until Inference Ends    ${answer}
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[slots_available]    ${1}
