*** Settings ***
Documentation       The run's clock: hours pass in milliseconds, and everything that becomes due happens in its order.
...                 All intervals are rbee's own.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Five Minutes Are Ten Health Checks
    [Documentation]    The checks are 30 s apart, and none of them counts as activity of the worker.
    [Tags]    S46
    Start Fleet    workers=1    idle_timeout=0
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    ${before} =    Get Last Activity    worker-1
    ${mark} =    Mark Journal
    Advance Time    5 min
    Get Request Count    worker-1    GET    /v1/health    ==    10    since=${mark}    within=0s
    VAR    @{half_minutes}    30s    30s    30s    30s    30s    30s    30s    30s    30s
    Get Request Gaps    worker-1    GET    /v1/health    ==    ${half_minutes}    tolerance=1ms    since=${mark}
    ${after} =    Get Last Activity    worker-1
    Should Be Equal    ${before}    ${after}

Timers Fire In Their Order
    [Documentation]    A callback that fails is repeated after 1, 2 and 4 s. Each timer is armed when the one before has fired.
    Set Time Rate    0
    Start Queen
    ${fault} =    Inject Fault    queen    status    path=/v2/workers/ready    status=500
    ${queen} =    Get Daemon    queen
    ${mark} =    Mark Journal
    Start Worker    hive=None    queen_url=${queen.url}
    Get Request Count    queen    POST    /v2/workers/ready    ==    1    status=500
    @{fired} =    Advance Time    10 s
    Length Should Be    ${fired}    3
    Should Be Equal As Strings    ${fired}[0]    worker-1 callback-retry at 1 s
    Should Be Equal As Strings    ${fired}[1]    worker-1 callback-retry at 3 s
    Should Be Equal As Strings    ${fired}[2]    worker-1 callback-retry at 7 s
    Get Request Gaps    queen    POST    /v2/workers/ready    ==    ['1s', '2s', '4s']    tolerance=1ms    since=${mark}
    Get Fault Hits    ${fault}    ==    4

Held Clock Stands Still
    [Documentation]    The next token is due in a millisecond, but the clock is held.
    Set Time Rate    0
    Start Worker    hive=None    token_delay=1ms
    ${answer} =    Submit Inference    wait for me    to=worker-1    max_tokens=20
    Wait Until Timer    worker-1    token
    Run Keyword And Expect Error    *has brought 1 of 2 tokens*    Wait For Tokens    ${answer}    2    within=200ms

Tokens Come With The Time
    [Documentation]    One token a second. After nine seconds ten tokens have passed worker and queen and reached the client.
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${answer} =    Submit Inference    tick    max_tokens=20
    Wait For Tokens    ${answer}    1
    Advance Time    9 s
    Get Token Count    ${answer}    ==    10    within=0s
    Advance Time    10 s
    Get Token Count    ${answer}    ==    20    within=0s
    Get Inference State    ${answer}    ==    done    within=0s

Model Is Loaded As Time Goes On
    [Tags]    S31
    Set Time Rate    0
    Start Worker    hive=None    load_time=32 s    until=loading
    Advance Time    31 s
    Get State    worker-1    ==    loading    within=0s
    Advance Time    1 s
    Get State    worker-1    ==    idle    within=0s

Frozen Program Holds Nobody Up
    [Documentation]    A request to a frozen hive waits for its own limit, and delays nothing else.
    Start Fleet    workers=1
    Freeze    hive
    Set Time Rate    0
    ${answer} =    Submit Inference    anybody there
    Wait Until Timer    queen    answer
    Advance Time    9 s
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    1 s
    Get Inference Error    ${answer}    ==    HIVE_ERROR    within=0s

Minute Takes A Second
    [Documentation]    The run's clock goes sixty times as fast as the machine's.
    Set Time Rate    60
    Start Worker    hive=None    token_delay=1 s
    ${answer} =    Submit Inference    hurry    to=worker-1    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Token Gap    ${answer}    median    <    500 ms

Stop Lets The Clock Go On
    [Documentation]    The clock is held, but runs while a worker needs time to end. Afterwards it is held again.
    Set Time Rate    0
    Start Worker    hive=None
    ${fault} =    Inject Fault    worker-1    slow end    delay=200ms
    ${before} =    Get Clock Date
    Stop    worker-1
    ${after} =    Get Clock Date
    Should Be True    ${after} >= ${before} + 0.2    msg=the clock went on for less than the delay
    Get Exit Code    worker-1    ==    0
    Get Fault Hits    ${fault}    ==    1
    ${rate} =    Set Time Rate    0
    Should Be Equal As Numbers    ${rate}    0

Steps Of The Clock Are In The Journal
    ${mark} =    Mark Journal
    Start Worker    hive=None
    Advance Time    1 min
    @{steps} =    Get Records    library    clock_step    since=${mark}
    Length Should Be    ${steps}    1
    Should Be Equal As Numbers    ${steps}[0][by]    60

Jump Of The Clock Makes Everything Due At Once
    [Documentation]    A machine that slept for ten minutes: the hive looks once at its worker, not twenty times.
    Start Fleet    workers=1    idle_timeout=0
    ${mark} =    Mark Journal
    Jump Time    10 min
    Get Request Count    worker-1    GET    /v1/health    ==    1    since=${mark}    within=0s
    Advance Time    1 min
    Get Request Count    worker-1    GET    /v1/health    ==    3    since=${mark}    within=0s

Busy Worker Is Not Ended As Idle After A Sleep
    [Documentation]    Ten tokens and the idle limit are due at the same moment when the machine wakes up.
    [Tags]    U16
    Start Fleet    workers=1    token_delay=1min
    ${answer} =    Submit Inference    goodnight    to=worker-1    max_tokens=12
    Wait For Tokens    ${answer}    1
    Jump Time    10 min
    Get State    worker-1    ==    busy    within=0s
    Get Token Count    ${answer}    ==    11    within=0s
    No Request Should Come    worker-1    POST    /v1/admin/shutdown
    Advance Time    1 min
    Get Inference State    ${answer}    ==    done

Idle Worker Is Ended After A Sleep
    Start Fleet    workers=1
    Jump Time    10 min
    Get Exit Code    worker-1    ==    0


*** Keywords ***
Get Last Activity
    [Documentation]    Returns the time of the last activity from the worker's status.
    [Arguments]    ${name}
    ${daemon} =    Get Daemon    ${name}
    ${status} =    GET    ${daemon.url}/v1/status    timeout=5
    RETURN    ${status.json()}[last_activity]
