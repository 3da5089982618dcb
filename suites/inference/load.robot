*** Settings ***
Documentation       Constant load beside a test, programs that change under it, and calls at the same moment.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Steady Load Is Served And Counted
    [Documentation]    Every token that a worker wrote has reached a client of the load, none earlier than its worker sent it.
    Start Fleet    workers=2    slots=64    first_token_delay=200ms
    Keep Submitting    every=20ms    max_tokens=3
    Get Load Statistic    done    >=    20    within=10s
    Stop Submitting
    Get Load Statistic    failures    ==    0
    Get Load Statistic    running    ==    0
    Get Load Statistic    median first token    >=    200 ms
    Tokens Should Add Up

Refusals Of A Load Are Counted By Code
    [Documentation]    The only slot is taken, and the load does not wait for it.
    Start Fleet    workers=1    token_delay=1h
    ${holder} =    Submit Inference    hold the slot    to=worker-1
    Wait For Tokens    ${holder}    1
    Keep Submitting    every=5ms    to=worker-1
    Get Load Statistic    failures    >=    5    code=ALL_SLOTS_BUSY
    Stop Submitting
    Get Load Statistic    done    ==    0
    Get Load Statistic    failures    ==    0    code=500

Rolling Restart Loses No Request
    [Documentation]    Four workers are started again one after the other, each as soon as it has no request, while a
    ...    request comes every 30 ms. Every one of them is answered completely.
    [Tags]    U18
    Start Fleet    workers=4    slots=16
    Keep Submitting    every=30ms    max_tokens=3
    FOR    ${number}    IN RANGE    1    5
        Restart    worker-${number}
    END
    Get Load Statistic    requests    >=    30    within=10s
    Stop Submitting
    Get Load Statistic    failures    ==    0

Two Spawns At The Same Moment Are Two Workers
    [Documentation]    Each has a port and a process of its own.
    [Tags]    U02
    Start Fleet    hives=1
    ${first}    ${second} =    Run At Once    Start Worker    worker-1    AND    Start Worker    worker-2
    Should Not Be Equal    ${first.port}    ${second.port}
    Should Not Be Equal    ${first.pid}    ${second.pid}
    Get Worker Count    hive    ==    2
    Get Child Count    hive    ==    2

Errors Of Calls At The Same Moment Are Told Together
    Run Keyword And Expect Error    2 of 3 calls failed:*Get Daemon (call 1)*Get Daemon (call 3)*
    ...    Run At Once    Get Daemon    nobody    AND    Get Clock Date    AND    Get Daemon    nobody else

User Keyword Cannot Run Beside Others
    Run Keyword And Expect Error    *Forced End Should Be Documented cannot run at once with others*
    ...    Run At Once    Get Clock Date    AND    Forced End Should Be Documented    worker-1    none
