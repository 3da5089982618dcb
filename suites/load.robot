*** Settings ***
Documentation       Load by Locust, which needs the extra `load`. Left out of a plain run;
...                 robot -v LOAD:none -i load suites/ runs it.

Resource            ../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved
Test Tags           load    ${LOAD}


*** Variables ***
${LOAD}     robot:exclude


*** Test Cases ***
Every Token Of A Load Is Accounted For
    [Documentation]    Locust, journals and workers agree to the token.
    Start Fleet    workers=2    slots=8    first_token_delay=100ms
    Start Load    users=8    rate=40/s    max_tokens=6
    Get Request Count    queen    POST    /v2/tasks    >=    60    within=30s
    Stop Load
    Get Load Statistic    failures    ==    0
    ${requests} =    Get Load Statistic    requests
    ${tokens} =    Get Load Statistic    tokens
    @{written} =    Get Records    ${None}    token
    Length Should Be    ${written}    ${tokens}
    Should Be Equal As Integers    ${tokens}    ${requests * 6}
    Get Request Count    queen    POST    /v2/tasks    ==    ${requests}    status=200
    Get Load Statistic    median first token    >=    100 ms

Load Retries As A Keeper Does
    [Documentation]    Two slots for eight users: refused requests come again after 1 s, 2 s and 4 s.
    Start Fleet    workers=2    token_delay=50ms
    Start Load    users=8    max_tokens=10
    Get Request Count    queen    POST    /v2/tasks    >=    6    status=503    within=30s
    Get Request Count    queen    POST    /v2/tasks    >=    8    status=200    within=30s
    Stop Load
    Get Load Statistic    done    >=    8

Clients Of A Load Leave In The Middle
    Start Fleet    workers=1    slots=16    token_delay=5ms
    Start Load    users=8    rate=20/s    max_tokens=20    leave_share=0.5
    Wait Until Keyword Succeeds    30s    100ms    Clients Have Left
    Stop Load
    Get Load Statistic    failures    ==    0
    Get State    worker-1    ==    idle

Load Grows In Steps
    Start Fleet    workers=1    slots=32
    Start Load    users=20    shape=steps    period=1s    max_tokens=2    rate=100/s
    Get Request Count    queen    POST    /v2/tasks    >=    100    within=30s
    Stop Load
    Get Load Statistic    failures    ==    0


*** Keywords ***
Clients Have Left
    [Documentation]    The worker has noticed several clients that left.
    @{left} =    Get Records    worker-1    client_gone
    Should Be True    len($left) >= 3
