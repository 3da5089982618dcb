*** Settings ***
Documentation       A fleet that runs until somebody ends it from outside. `test_leftovers.py` does.

Library             OperatingSystem
Resource            ../../../resources/rbee.resource


*** Variables ***
${FREEZE}       nobody
${SIGNAL}       ${OUTPUT DIR}/ready


*** Test Cases ***
Fleet That Is Ended From Outside
    Start Fleet    hives=2    workers=2    token_delay=50ms
    ${answer} =    Submit Inference    on and on    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    1
    IF    '${FREEZE}' != 'nobody'    Freeze    ${FREEZE}
    Create File    ${SIGNAL}
    Wait Until Inference Ends    ${answer}    within=60s
    [Teardown]    Slow Teardown


*** Keywords ***
Slow Teardown
    [Documentation]    Takes so long that it is sure to be interrupted.
    Create File    ${SIGNAL}-teardown
    Start Worker    late    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    on and on    to=late
    Wait Until Inference Ends    ${answer}    within=60s
