*** Settings ***
Documentation       Tests as the suites have them: the queen is a fake, or the real one that `-v QUEEN:PATH` names.

Library             RbeeLibrary    queen=${QUEEN}    differences=${DIFFERENCES}

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${QUEEN}            ${EMPTY}
${DIFFERENCES}      ${EMPTY}


*** Test Cases ***
Task Brings The Tokens Of Its Prompt
    [Documentation]    The worker gets the prompt.
    [Tags]    S01
    Start Fleet
    ${answer} =    Submit Inference    hello    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Inference State    ${answer}    ==    done

Tokens Add Up
    [Tags]    S01
    Start Fleet    token_delay=20ms
    ${answer} =    Submit Inference    hello    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Token Count    ${answer}    ==    5
    Tokens Should Add Up

Broken Stream Stays Broken
    [Tags]    S02
    Start Fleet    token_delay=100ms
    ${answer} =    Submit Inference    hello    max_tokens=50
    Wait For Tokens    ${answer}    2    within=10s
    Kill    mock-worker-1
    Wait Until Inference Ends    ${answer}

Loading Worker Gets No Request
    [Tags]    S03
    Start Fleet    load_time=300ms
    ${answer} =    Submit Inference    hello    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Inference State    ${answer}    ==    done

Busy Worker Is Left Alone
    [Tags]    EC4    S04
    Start Fleet
    Inject Fault    mock-worker-1    status    path=/v1/inference    status=503
    ${answer} =    Submit Inference    hello    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s

Queen Lists Its Workers
    [Tags]    S05
    Start Fleet    workers=1
    Get Worker Count    queen    ==    1    within=500ms

Option That Only The Fake Has
    [Tags]    S06
    Start Queen    cascade=none

Timer That Only The Fake Shows
    [Tags]    S07
    Start Queen
    Wait Until Timer    queen    sweep

Record That Only The Fake Writes
    [Tags]    S08
    Start Queen
    @{records} =    Get Records    queen    worker_stale
    Should Be Empty    ${records}
