*** Settings ***
Documentation       A worker ends after five minutes without an inference. Its hive does not.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Idle Worker Is Shut Down After Five Minutes
    [Documentation]    At 299 s the worker is idle. At 300 s it gets a shutdown request, unloads its model and exits.
    [Tags]    S45    S48    EC10
    Set Time Rate    0
    Start Fleet    workers=1
    ${hive} =    Get Daemon    hive
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Advance Time    299 s
    Get State    worker-1    ==    idle    within=0s
    Get Request Count    worker-1    POST    /v1/admin/shutdown    ==    0    within=0s
    Advance Time    1 s
    Get Request Count    worker-1    POST    /v1/admin/shutdown    ==    1    within=0s
    Get Exit Code    worker-1    ==    0
    Get Output    worker-1    contains    model unloaded
    Get Worker Count    hive    ==    0
    Get Worker Count    queen    ==    0
    ${still} =    Get Daemon    hive
    Should Be Equal    ${hive.pid}    ${still.pid}
    Get State    hive    ==    idle

Next Task Is A Cold Start
    [Documentation]    The hive starts another process for the next task.
    [Tags]    S45
    Start Fleet    workers=1
    ${before} =    Get Daemon    worker-1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Advance Time    5 min
    Get Exit Code    worker-1    ==    0
    ${answer} =    Submit Inference    good morning    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Worker Count    hive    ==    1
    Should Not Be Equal    ${answer.headers}[x-worker-url]    ${before.url}

Inference Begins The Five Minutes Anew
    [Documentation]    The answer takes 60 s. The idle time counts from its end.
    [Tags]    S45
    Set Time Rate    0
    Start Fleet    workers=1    token_delay=3s
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Advance Time    200 s
    ${answer} =    Submit Inference    long    to=worker-1    max_tokens=21
    Wait For Tokens    ${answer}    1
    Advance Time    60 s
    Get Inference State    ${answer}    ==    done    within=0s
    Advance Time    299 s
    Get State    worker-1    ==    idle    within=0s
    Advance Time    1 s
    Get Exit Code    worker-1    ==    0

Busy Worker Is Not Idle
    [Documentation]    The answer takes longer than the idle limit.
    [Tags]    S45
    Set Time Rate    0
    Start Fleet    workers=1    token_delay=31s
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${answer} =    Submit Inference    endless    to=worker-1    max_tokens=11
    Wait For Tokens    ${answer}    1
    Advance Time    309 s
    Get State    worker-1    ==    busy    within=0s
    Get Token Count    ${answer}    ==    10    within=0s
    Advance Time    1 s
    Get Inference State    ${answer}    ==    done    within=0s

Health Checks Are No Activity
    [Documentation]    Nine health checks do not keep a worker alive.
    [Tags]    S46    S48
    Set Time Rate    0
    Start Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${mark} =    Mark Journal
    Advance Time    300 s
    Get Request Count    worker-1    GET    /v1/health    >=    9    since=${mark}    within=0s
    Get Exit Code    worker-1    ==    0
