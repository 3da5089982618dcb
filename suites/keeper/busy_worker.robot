*** Settings ***
Documentation       A worker without a free slot: the keeper retries after 1, 2 and 4 s, and then gives up.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Busy Worker Is Retried Three Times
    [Documentation]    The worker gets four requests with the same id, 1, 2 and 4 s apart, and refuses each with 503.
    ...    Nothing is spawned.
    [Tags]    S35    S11
    Start Fleet With A Busy Worker
    ${mark} =    Mark Journal
    Start Keeper    @{ASK}
    Wait Until Timer    keeper    busy-retry
    Advance Time    8 s
    Get Exit Code    keeper    ==    1
    Get Request Gaps    worker-1    POST    /v1/inference    ==    ['1s', '2s', '4s']    tolerance=20ms    since=${mark}
    @{refused} =    Get Requests    worker-1    POST    /v1/inference    since=${mark}
    Length Should Be    ${refused}    4
    FOR    ${request}    IN    @{refused}
        Should Be Equal As Integers    ${request.status}    503
        Should Be Equal    ${request.body}[request_id]    ${refused[0].body}[request_id]
    END
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
    [Documentation]    The keeper announces each pause, then prints the number of retries, the code, and what to do.
    [Tags]    S41    EC6
    Start Fleet With A Busy Worker
    Start Keeper    @{ASK}
    Wait Until Timer    keeper    busy-retry
    Advance Time    8 s
    Get Exit Code    keeper    ==    1
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    retrying in 1 second    retrying in 2 seconds    retrying in 4 seconds
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

Crowd At Two Workers Is Served As Far As Retries Reach
    [Documentation]    Twenty keepers want two slots, each for 0.8 s, and try again after 1, 2 and 4 s. Two are served at 0,
    ...    1, 3 and 7 s, and nobody twice.
    [Tags]    U09
    Start Fleet    workers=2    token_delay=200ms
    Set Time Rate    0
    FOR    ${number}    IN RANGE    20
        Start Keeper    @{ASK}    --max-tokens    5    name=keeper-${number}
    END
    Advance Time    1 min
    VAR    ${served}    ${0}
    FOR    ${number}    IN RANGE    20
        ${code} =    Get Exit Code    keeper-${number}
        VAR    ${served}    ${served + (1 if ${code} == 0 else 0)}
    END
    Should Be Equal As Integers    ${served}    8
    ${first} =    Get Request Count    worker-1    POST    /v1/inference    status=200
    ${second} =    Get Request Count    worker-2    POST    /v1/inference    status=200
    Should Be Equal As Integers    ${first + ${second}}    8
