*** Settings ***
Documentation       Keywords that their timeout interrupts at a random moment. Nothing may be left of what they held.
...                 `COUNT` is the number of interruptions, `SEED` the start of the random moments.

Library             RbeeLibrary
Library             accounts.py    ${SEED}


*** Variables ***
${COUNT}        40
${SEED}         1


*** Test Cases ***
Interrupted Keywords Give Back What They Hold
    Start Fleet    workers=1    token_delay=5ms
    A Step Of The Clock
    A Stream
    ${held} =    Held By This Process
    FOR    ${_}    IN RANGE    ${COUNT}
        ${keyword} =    Random Keyword
        ${limit} =    Random Limit
        TRY
            Interrupt    ${limit}    ${keyword}
        EXCEPT    Keyword timeout *    type=GLOB
            Count Interruption
        END
        End Whole Programs
        Held By This Process Should Be    ${held}    ${keyword}
    END
    Start Hive    last    queen=None
    Advance Time    5s
    Interruptions Should Be Some


*** Keywords ***
Interrupt
    [Documentation]    Runs a keyword under a time limit.
    [Arguments]    ${limit}    ${keyword}
    [Timeout]    ${limit}
    Run Keyword    ${keyword}

A Hive
    [Documentation]    A start.
    Start Hive    extra    queen=None

A Worker
    [Documentation]    A start without a hive.
    Start Worker    other    hive=None

A Fleet
    [Documentation]    A start of many.
    Start Fleet    prefix=second-

A Request
    [Documentation]    Two requests that are answered.
    Get Worker Count    hive    ==    1
    Get State    worker-1    ==    idle

A Request Without An Answer
    [Documentation]    A request that hangs.
    Inject Fault    hive    no answer    times=1
    Get Worker Count    hive

A Stream
    [Documentation]    An inference to its end.
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=20
    Wait Until Inference Ends    ${answer}

A Step Of The Clock
    [Documentation]    A move of the clock.
    Advance Time    5s

A Wait
    [Documentation]    A check that never fits.
    Get Request Count    hive    GET    /v1/health    ==    77    within=5s

A Keeper
    [Documentation]    A command of the keeper.
    Run Keeper    workers    list

A Journal
    [Documentation]    Reads of journals.
    Get Records    hive    process_started
    Get Request Count    hive    GET    /v1/workers/list    >=    0
