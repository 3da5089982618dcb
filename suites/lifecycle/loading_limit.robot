*** Settings ***
Documentation       A model that is never loaded: the queen polls the worker every 2 s and gives up after five minutes.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Loading That Never Ends Is Given Up
    [Documentation]    Loading stops at 28 of 32 layers. The error has the numbers, and no inference is sent.
    [Tags]    S33    S42    EC7
    ${fault} =    Inject Fault    worker-1    stick    layer=28
    Set Time Rate    0
    Start Worker    load_time=32s    until=loading
    ${answer} =    Submit Inference    hope
    Wait Until Timer    queen    ready-poll
    Advance Time    299s
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    1s
    Get Inference Error    ${answer}    ==    LOADING_TIMEOUT    within=0s
    Should Be Equal As Integers    ${answer.status}    504
    VAR    &{expected}
    ...    worker_id=worker-1    state=loading    layers_loaded=${28}    layers_total=${32}    limit_s=${300}
    Should Be Equal    ${answer.error}[details]    ${expected}
    Get Request Count    worker-1    POST    /v1/inference    ==    0
    Get Fault Hits    ${fault}    ==    1

Queen Looks Every Two Seconds
    [Tags]    S33
    Set Time Rate    0
    Start Worker    load_time=21s    until=loading
    ${answer} =    Submit Inference    patience    max_tokens=3
    Wait Until Timer    queen    ready-poll
    Advance Time    22s
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    VAR    @{every_two_seconds}    2s    2s    2s    2s    2s    2s    2s    2s    2s    2s    2s
    Get Request Gaps    worker-1    GET    /v1/ready    ==    ${every_two_seconds}    tolerance=1ms

Stream That Takes Too Long Is Cut By The Queen
    [Documentation]    The queen relays a stream for five minutes at most. The worker notices that its client is gone.
    Start Worker    token_delay=1 h
    ${answer} =    Submit Inference    slow
    Wait For Tokens    ${answer}    1
    Advance Time    5 min
    Get Inference State    ${answer}    ==    broken
    Get State    worker-1    ==    idle
