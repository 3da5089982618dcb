*** Settings ***
Documentation       Tests as the suites have them: the keeper is a fake, or the real one that `-v KEEPER:PATH` names.

Library             RbeeLibrary    keeper=${KEEPER}    differences=${DIFFERENCES}

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${KEEPER}           ${EMPTY}
${DIFFERENCES}      ${EMPTY}
@{ASK}              infer    --node    workstation    --model    mock-model    --max-tokens    3    --prompt


*** Test Cases ***
Keeper Prints The Answer
    [Tags]    S01
    Start Fleet    workers=1    answer=one two three
    ${result} =    Run Keeper    @{ASK}    hello
    Should Contain    ${result.stdout}    one two three

Keeper Asks Once
    [Tags]    S02
    Start Fleet    workers=1
    Run Keeper    @{ASK}    hello
    Get Request Count    queen    POST    /v2/tasks    ==    1    within=0s

Refusal Is Told
    [Tags]    S03
    Start Fleet    workers=1
    ${result} =    Run Keeper    infer    --node    atlantis    --model    mock-model    --prompt    hello
    Should Not Be Empty    ${result.stderr}

Unknown Node Is A Failure
    [Tags]    S04
    Start Queen
    ${result} =    Run Keeper    setup    remove-node    --name    atlantis
    Should Be Equal As Integers    ${result.rc}    1

Stream That Breaks Is A Failure
    [Documentation]    The real keeper of the origin's time takes it for a complete one.
    [Tags]    S05
    Start Fleet    workers=1
    Inject Fault    worker-1    kill    after_tokens=2    times=1
    ${result} =    Run Keeper    @{ASK}    hello
    Should Not Be Equal As Integers    ${result.rc}    0
    [Teardown]    Fleet Should Have Behaved    stream end

Timer That Only The Fake Shows
    [Tags]    S06
    Start Fleet    workers=1    token_delay=1 h
    Start Keeper    @{ASK}    hello
    Wait Until Timer    keeper    stall
