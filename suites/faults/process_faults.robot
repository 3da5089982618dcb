*** Settings ***
Documentation       Workers that do not start, do not load, do not call back, do not end; hives that cannot start any.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1    shutdown_ack=200ms    term_grace=200ms    shutdown_drain=300ms


*** Test Cases ***
Exit While Starting
    [Documentation]    Armed before the worker exists: the next one of this name.
    [Tags]    L015
    ${fault} =    Inject Fault    worker-1    exit    status=7
    Run Keyword And Expect Error    *500 WORKER_CRASHED*exit code 7*    Start Worker
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Exit Within The First Moments
    [Documentation]    The spawn is answered, then the worker dies.
    ${fault} =    Inject Fault    worker-1    exit    delay=50ms
    Start Worker    until=idle
    Get Exit Code    worker-1    ==    1
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Exit While Loading
    ${fault} =    Inject Fault    worker-1    exit    layer=8    status=3
    Start Worker    load_time=300ms    until=loading
    Get Exit Code    worker-1    ==    3
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Kill While Loading
    ${fault} =    Inject Fault    worker-1    kill    layer=8
    Start Worker    load_time=300ms    until=loading
    Get Exit Code    worker-1    ==    -9
    Get Fault Hits    ${fault}    ==    1

Stick
    [Documentation]    Loading stops at 28 of 32 layers; the worker says so, and stays loading.
    [Tags]    S33
    ${fault} =    Inject Fault    worker-1    stick    layer=28
    Start Worker    load_time=200ms    until=loading
    Get Fault Hits    ${fault}    ==    1
    Get State    worker-1    ==    loading    within=0s
    Get Layers    worker-1    28

Never Ready
    [Tags]    L023
    ${fault} =    Inject Fault    worker-1    never ready
    Start Worker    until=loading
    No Request Should Come    hive    POST    /v1/workers/ready    during=200ms
    Get State    worker-1    ==    loading    within=0s
    Get Fault Hits    ${fault}    ==    1

Lost Callback
    ${fault} =    Inject Fault    worker-1    lost callback
    Start Worker
    No Request Should Come    hive    POST    /v1/workers/ready    during=200ms
    Get Fault Hits    ${fault}    >=    1

Double Callback
    ${fault} =    Inject Fault    worker-1    double callback
    Start Worker
    Get Request Count    hive    POST    /v1/workers/ready    ==    2
    Get Fault Hits    ${fault}    >=    1

Late Callback
    ${fault} =    Inject Fault    worker-1    late callback    delay=300ms
    ${mark} =    Mark Journal
    Start Worker
    No Request Should Come    hive    POST    /v1/workers/ready    during=100ms    since=${mark}
    Get Request Count    hive    POST    /v1/workers/ready    ==    1
    Get Fault Hits    ${fault}    >=    1

Silent Shutdown
    [Documentation]    The request is never answered; SIGTERM ends the worker well.
    [Tags]    L020
    Start Worker
    ${fault} =    Inject Fault    worker-1    silent shutdown
    Terminate    hive
    Get Exit Code    worker-1    ==    0
    Get Exit Code    hive    ==    0
    Get Output    hive    contains    worker worker-1 did not acknowledge the shutdown request
    Get Fault Hits    ${fault}    ==    1

Ignore Sigterm
    [Documentation]    Silent to the request and deaf to the signal: only SIGKILL helps.
    [Tags]    L021
    Start Worker
    ${silent} =    Inject Fault    worker-1    silent shutdown
    ${deaf} =    Inject Fault    worker-1    ignore sigterm
    Terminate    hive
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Get Fault Hits    ${silent}    ==    1
    Get Fault Hits    ${deaf}    ==    1

Ignore Shutdown
    [Documentation]    The request is answered and forgotten: the worker is killed when its time is over.
    [Tags]    L016
    Start Worker
    ${fault} =    Inject Fault    worker-1    ignore shutdown
    Terminate    hive
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Slow End
    [Tags]    L024
    Start Worker    hive=None
    ${fault} =    Inject Fault    worker-1    slow end    delay=400ms
    Terminate    worker-1
    Get State    worker-1    ==    draining
    Get Exit Code    worker-1    ==    0
    Get Fault Hits    ${fault}    ==    1

Spawn Fails
    ${fault} =    Inject Fault    hive    spawn fails    times=1
    Run Keyword And Expect Error    *500 WORKER_CRASHED*because of a fault*    Start Worker
    Start Worker
    Get Worker Count    hive    ==    1
    Get Fault Hits    ${fault}    ==    1


*** Keywords ***
Get Layers
    [Documentation]    Checks how many layers a worker says it has loaded.
    [Arguments]    ${name}    ${expected}
    ${daemon} =    Get Daemon    ${name}
    ${loaded} =    Evaluate    requests.get('${daemon.url}/v1/status', timeout=5).json()['layers_loaded']    modules=requests
    Should Be Equal As Integers    ${loaded}    ${expected}
