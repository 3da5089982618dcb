*** Settings ***
Documentation       A worker whose slots are all taken: the keeper asks again after 1, 2 and 4 s, and then gives up.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Busy Worker Is Retried Three Times
    [Documentation]    Four requests with the same id, 1, 2 and 4 s apart; 503 with its numbers; nothing is spawned.
    [Tags]    S35    S11
    Start Fleet With A Busy Worker
    ${mark} =    Mark Journal
    Start Keeper    @{ASK}
    Wait Until Timer    keeper    busy-retry
    Advance Time    8 s
    Get Exit Code    keeper    ==    1
    Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1s', '2s', '4s']    tolerance=20ms    since=${mark}
    @{refused} =    Get Requests    worker-1    POST    /v1/inference    since=${mark}
    Should Be True    {r.status for r in $refused} == {503} and len({r.body["request_id"] for r in $refused}) == 1
    No Request Should Come    hive    POST    /v1/workers/spawn    since=${mark}

Busy Worker Is Retried Directly
    [Tags]    S35    S11
    Start Fleet With A Busy Worker
    ${mark} =    Mark Journal
    Start Keeper    @{ASK}    --direct
    Wait Until Timer    keeper    busy-retry
    Advance Time    8 s
    Get Exit Code    keeper    ==    1
    Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1s', '2s', '4s']    tolerance=20ms    since=${mark}

Full Queue Is Explained
    [Documentation]    Each pause is told, then the code, the number of retries and what to do.
    [Tags]    S41    EC6
    Start Fleet With A Busy Worker
    Start Keeper    @{ASK}
    Wait Until Timer    keeper    busy-retry
    Advance Time    8 s
    Get Exit Code    keeper    ==    1
    ${told} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${told}    retrying in 1 second    retrying in 2 seconds    retrying in 4 seconds
    ...    3 retries    ALL_SLOTS_BUSY    wait, or use another node
    Get Output    keeper    ==    ${EMPTY}    stream=stdout

Retry Succeeds When The Slot Is Free
    [Documentation]    The running request ends before the second retry.
    [Tags]    S35
    ${running} =    Start Fleet With A Busy Worker
    Start Keeper    @{ASK}    --max-tokens    3
    Wait Until Timer    keeper    busy-retry
    Advance Time    1 s
    Cancel Inference    ${running}
    Advance Time    10 min
    Get Exit Code    keeper    ==    0
    ${text} =    Keeper Output
    Should Match Regexp    ${text}    ^\\w+ \\w+ \\w+\\n$
