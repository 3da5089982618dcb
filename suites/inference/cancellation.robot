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

Delete Leaves Other Inferences Alone
    [Tags]    S40
    Start Worker    hive=None    slots=3    token_delay=10 min
    ${first} =    Submit Inference    one    to=worker-1    max_tokens=2
    ${second} =    Submit Inference    two    to=worker-1    max_tokens=2
    ${third} =    Submit Inference    three    to=worker-1    max_tokens=2
    FOR    ${answer}    IN    ${first}    ${second}    ${third}
        Wait For Tokens    ${answer}    1
    END
    Cancel Inference    ${second}
    Get Inference State    ${second}    ==    cancelled
    Advance Time    10 min
    Get Inference State    ${first}    ==    done
    Get Inference State    ${third}    ==    done
    Get Token Count    ${second}    ==    1    within=0s

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
    Should Be Equal    ${answer.events}[-1][stop_reason]    CANCELLED    msg=${answer.events}[-1]

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

Cancellation After The Last Token Changes Nothing
    [Documentation]    The answer is whole already.
    [Tags]    U15
    Start Worker    hive=None
    ${answer} =    Submit Inference    quick    to=worker-1
    Wait Until Inference Ends    ${answer}
    Cancel Inference    ${answer}
    Get Inference State    ${answer}    ==    done
    Get State    worker-1    ==    idle

Cancellation Before The First Token Frees The Slot
    [Tags]    U15
    Start Worker    hive=None    first_token_delay=1h
    ${answer} =    Submit Inference    slow to begin    to=worker-1
    Get State    worker-1    ==    busy
    Cancel Inference    ${answer}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    cancelled
    Get Token Count    ${answer}    ==    0
    Get State    worker-1    ==    idle

Client That Leaves Before The Answer Begins Is Noticed
    [Documentation]    The worker would send its headers in an hour.
    [Tags]    L035
    Start Worker    hive=None
    Inject Fault    worker-1    delay    path=/v1/inference    delay=1 h
    ${answer} =    Submit Inference    never mind    to=worker-1
    Get Request Count    worker-1    POST    /v1/inference    ==    1
    Cancel Inference    ${answer}    by=disconnect    within=1s
    Get Inference State    ${answer}    ==    cancelled
    Get State    worker-1    ==    idle    within=1s

Queen Does Not Blame The Worker For A Client That Leaves
    [Tags]    L035
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    never mind    max_tokens=2000
    Wait For Tokens    ${answer}    2
    Cancel Inference    ${answer}    by=disconnect
    Get State    worker-1    ==    idle    within=1s
    Get Output    queen    not contains    stream broke

Task That Waits For A Download Is Cancelled
    [Documentation]    The download would take an hour. The task is answered at once, the hive goes on.
    [Tags]    S40
    Start Model Hub    rate=1KB
    Start Fleet
    ${answer} =    Submit Inference    never mind    model=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
    Get Request Count    hub    GET    /TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/resolve/main/*    ==    1    within=5s
    Cancel Inference    ${answer}    by=delete    within=2s
    Should Be Equal As Integers    ${answer.status}    499
    Get Inference Error    ${answer}    ==    REQUEST_CANCELED

Task That Waits For A Hive Is Cancelled
    [Documentation]    The hive would answer in an hour.
    [Tags]    S40
    Start Fleet
    Inject Fault    hive    delay    delay=1 h
    ${answer} =    Submit Inference    never mind
    Get Request Count    hive    GET    /v1/workers/list    ==    1    within=5s
    Cancel Inference    ${answer}    by=delete    within=2s
    Get Inference Error    ${answer}    ==    REQUEST_CANCELED

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
