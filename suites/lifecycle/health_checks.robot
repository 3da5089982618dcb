*** Settings ***
Documentation       A hive checks its workers every 30 s. A worker that misses three checks in a row is removed.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=2
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Hive Stays Up After A Worker Is Ready
    [Documentation]    The hive is the same process, answers, and can start another worker. The idle worker lives for 299 s.
    [Tags]    S46
    ${before} =    Get Daemon    hive
    Set Time Rate    0
    Advance Time    299 s
    ${after} =    Get Daemon    hive
    Should Be Equal    ${before.pid}    ${after.pid}
    Get State    hive    ==    idle
    Get State    worker-1    ==    idle    within=0s
    Start Worker    worker-3
    Get Worker Count    hive    ==    3

Silent Worker Is Removed After Three Misses
    [Documentation]    Checks every 30 s, each with a limit of 5 s. After two misses the worker is listed, after three it is not.
    [Tags]    S47    L031
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    Set Time Rate    0
    Freeze    worker-1
    Wait Until Timer    hive    health
    Advance Time    65 s
    Get Output    hive    contains    health check of worker-1 missed 2/3    within=0s
    Get Output    hive    not contains    missed 3/3    within=0s
    Get Worker Count    hive    ==    2
    Advance Time    30 s
    Get Output    hive    contains    health check of worker-1 missed 3/3    within=0s
    Get Worker Count    hive    ==    1
    Get State    worker-1    ==    frozen    within=0s
    Advance Time    10 s
    Get Exit Code    worker-1    ==    -9
    Forced End Should Be Documented    worker-1    unhealthy
    Get Output    hive    not contains    missed 4/3    within=0s
    Get State    hive    ==    idle
    Get State    worker-2    ==    idle

Misses Are Half A Minute Apart
    [Tags]    S47
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    Set Time Rate    0
    Freeze    worker-1
    Advance Time    100 s
    @{misses} =    Get Records    hive    health_miss
    ${gaps} =    Get Gaps    ${misses}
    Should Be Equal    ${gaps}    [30_000, 30_000]    type=list[int]

One Good Look Wipes The Misses Out
    [Tags]    S47
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    Set Time Rate    0
    Freeze    worker-1
    Advance Time    65 s
    Resume    worker-1
    Advance Time    30 s
    Freeze    worker-1
    Advance Time    65 s
    Get Output    hive    not contains    missed 3/3    within=0s
    Get Worker Count    hive    ==    2
    Resume    worker-1

Hung Worker Is Started Again Where That Is Asked For
    [Documentation]    The new process has the same worker id, and the pid of the old one is no longer listed.
    [Tags]    S47    L022    L027
    [Setup]    Start Fleet    workers=1    restart_hung=1
    ${before} =    Get Daemon    worker-1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Set Time Rate    0
    Freeze    worker-1
    Advance Time    110 s
    Get Output    hive    contains    worker worker-1 did not answer and is started again    within=0s
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    @{tries} =    Get Records    hive    restart_tried
    Length Should Be    ${tries}    1    msg=number of records restart_tried
    Should Be Equal    ${tries}[0][worker_id]    worker-1
    Should Be Equal    ${tries}[0][pid]    ${before.pid}
    ${hive} =    Get Daemon    hive
    ${list} =    GET    ${hive.url}/v1/workers/list    timeout=5
    Should Be Equal    ${list.json()}[workers][0][worker_id]    worker-1
    Should Not Be Equal    ${list.json()}[workers][0][pid]    ${before.pid}

Worker That Never Calls Back Is Given Up
    [Documentation]    The hive has a limit for loading of 30 s.
    [Tags]    L023    L031
    [Setup]    Start Fleet    loading_limit=30s
    Set Time Rate    0
    ${fault} =    Inject Fault    worker-1    never ready
    Start Worker    until=loading
    Advance Time    29 s
    Get State    worker-1    ==    loading
    Advance Time    1 s
    Get Exit Code    worker-1    ==    -9
    Get Output    hive    matches    worker worker-1 \\(pid \\d+\\) removed: loading-timeout
    Forced End Should Be Documented    worker-1    loading-timeout
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1
