*** Settings ***
Documentation       Time moves the same way every time: what happens, and when on the run's clock, does not depend on the machine.

Library             stories.py
Resource            ../../../resources/rbee.resource


*** Test Cases ***
Five And A Half Minutes Are The Same Ten Times
    [Documentation]    Three workers, one of them frozen, one with a stream; an idle limit, health checks, a kill sequence.
    ${first} =    Tell The Story
    FOR    ${_}    IN RANGE    9
        ${again} =    Tell The Story
        ${difference} =    Difference    ${again}    ${first}
        Should Be Empty    ${difference}
    END
    ${length} =    Get Length    ${first}
    Should Be True    ${length} > 100


*** Keywords ***
Tell The Story
    [Documentation]    Returns what happened: seconds of the clock, program, record and what it is about.
    ${answer} =    Begin The Story
    ${mark} =    Mark Journal
    Advance Time    330 s
    @{records} =    Get Records    ${None}    since=${mark}
    Get Token Count    ${answer}    ==    20    within=0s
    Stop All
    ${story} =    As Story    ${records}
    RETURN    ${story}

Begin The Story
    [Documentation]    Starts it with the clock held, and returns the inference that runs in it.
    Set Time Rate    0
    ${begin} =    Mark Journal
    Start Fleet    workers=3    token_delay=7 s
    Get Request Count    hive    POST    /v1/workers/ready    ==    3    status=200    since=${begin}
    Get Request Count    queen    POST    /v2/workers/ready    ==    6    status=200    since=${begin}
    ${answer} =    Submit Inference    a story    to=worker-2    max_tokens=20    request_id=req-1
    Wait Until Timer    worker-2    token
    Freeze    worker-3
    RETURN    ${answer}
