*** Settings ***
Documentation       Tests as the suites have them: the hive is a fake, or the real one that `-v HIVE:PATH` names.

Library             RbeeLibrary    hive=${HIVE}    differences=${DIFFERENCES}

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${HIVE}             ${EMPTY}
${DIFFERENCES}      ${EMPTY}


*** Test Cases ***
Hive Starts The Worker Of A Task
    [Tags]    S01
    Start Queen
    Start Hive
    ${answer} =    Submit Inference    hello    max_tokens=5    timeout=5s
    Wait Until Inference Ends    ${answer}    within=6s
    Get Inference State    ${answer}    ==    done

Hive Lists Its Worker
    [Tags]    S02
    Start Hive    queen=None
    Start Worker
    Get Worker Count    hive    ==    1    within=500ms

One Request Starts One Worker
    [Tags]    S03
    Start Hive    queen=None
    Start Worker
    Get Child Count    hive    ==    1    within=500ms

Workers End With Their Hive
    [Tags]    S04
    Start Hive    queen=None
    Start Worker
    Stop    hive
    Get State    worker-1    ==    exited    within=1s

Worker Gets A Model
    [Documentation]    A flag without its value would be a bug.
    [Tags]    S08
    Start Hive    queen=None
    Start Worker
    Get Command Line    worker-1    not matches    .*--model +--.*

Killed Worker Leaves The List
    [Documentation]    No real hive of the origin's time does that.
    [Tags]    S05
    Start Hive    queen=None
    Start Worker
    Kill    worker-1
    Get Worker Count    hive    ==    0    within=500ms

Memory Of The Node
    [Tags]    S06
    Start Hive    queen=None    ram=1GB

Timer That Only The Fake Shows
    [Tags]    S07
    Start Hive    queen=None
    Wait Until Timer    hive    health
