*** Settings ***
Documentation       Tests as the suites have them: the worker is a fake, or the real one that `-v WORKER:PATH` names.

Library             RbeeLibrary    worker=${WORKER}    differences=${DIFFERENCES}

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${WORKER}           ${EMPTY}
${DIFFERENCES}      ${EMPTY}


*** Test Cases ***
Stream Is Complete
    [Tags]    S01
    Worker With A Model
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Limit Of Tokens Is Kept
    [Tags]    S02
    Worker With A Model
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    5    within=0s

Ready Worker Answers
    [Tags]    S03
    VAR    &{env}    STAND_IN_LOAD_TIME=0.5
    Worker With A Model    env=${env}
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=2
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Inference Is Cancelled
    [Documentation]    No real worker of the origin's time can do that.
    [Tags]    S04
    Worker With A Model
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=2000
    Cancel Inference    ${answer}

Slots Of The Worker
    [Tags]    S05
    Worker With A Model    slots=2


*** Keywords ***
Worker With A Model
    [Documentation]    A worker of its own, with these options.
    [Arguments]    &{options}
    ${model} =    Create Model File    model.gguf    size=1MB
    Start Worker    hive=None    model=${model}    &{options}
