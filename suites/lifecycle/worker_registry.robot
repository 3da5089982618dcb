*** Settings ***
Documentation       The queen's list of workers: how workers are added and removed, and what simultaneous requests do to it.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource
Library             ../../resources/together.py

Test Setup          Start Fleet    hives=0
Test Teardown       Fleet Should Have Behaved


*** Variables ***
${REGISTRATION}     SEPARATOR=,
...                 {"worker_id":"worker-001"    "url":"http://127.0.0.1:9"    "model_ref":"mock-model"    "backend":"cpu"
...                 "device":0    "node_name":"ws"}


*** Test Cases ***
Same Worker Registers Three Times At Once
    [Tags]    L038
    ${queen} =    Get Daemon    queen
    FOR    ${_}    IN RANGE    10
        ${statuses} =    Send Together    3    POST    ${queen.url}/v1/workers/register    ${REGISTRATION}
        Should Be Equal    ${statuses}    [201, 409, 409]    type=list[int]
        Get Worker Count    queen    ==    1
        POST    ${queen.url}/v2/workers/removed    data={"worker_id":"worker-001","reason":"again"}    timeout=5
    END

Two State Changes At Once Both Succeed
    [Tags]    L039
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    ${statuses} =    Send Together    2    PATCH    ${queen.url}/v1/workers/worker-001    {"state":"busy"}
    Should Be Equal    ${statuses}    [200, 200]    type=list[int]
    Get Worker Count    queen    ==    1    state=busy

Heartbeat And State Change Do Not Lose Each Other
    [Documentation]    Both at the same moment, ten times. The row has the new state and the new time.
    [Tags]    L041
    ${queen} =    Get Daemon    queen
    Set Time Rate    0
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    VAR    ${row}    ${queen.url}/v1/workers/worker-001
    FOR    ${_}    IN RANGE    10
        PATCH    ${row}    data={"state":"idle"}    timeout=5
        Advance Time    1 s
        ${statuses} =    Send At Once    POST ${row}/heartbeat {}    PATCH ${row} {"state":"busy"}
        Should Be Equal    ${statuses}    [200, 200]    type=list[int]
        ${list} =    GET    ${queen.url}/v2/workers/list    timeout=5
        ${now} =    Get Clock Date
        ${second} =    Convert To Integer    ${now}
        VAR    ${found}    ${list.json()}[workers][0]
        Should Be Equal    ${found}[state]    busy    msg=the new state was lost
        Should Be Equal As Integers    ${found}[last_heartbeat_unix]    ${second}    msg=the heartbeat was lost
    END

Heartbeat Renews The Row And Keeps The State
    [Tags]    L041
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    PATCH    ${queen.url}/v1/workers/worker-001    data={"state":"busy"}    timeout=5
    ${before} =    GET    ${queen.url}/v2/workers/list    timeout=5
    Should Be Equal    ${before.json()}[workers][0][last_heartbeat_unix]    ${None}
    Set Time Rate    0
    POST    ${queen.url}/v1/workers/worker-001/heartbeat    data={}    timeout=5
    ${first} =    GET    ${queen.url}/v2/workers/list    timeout=5
    Advance Time    30 s
    POST    ${queen.url}/v1/workers/worker-001/heartbeat    data={}    timeout=5
    ${second} =    GET    ${queen.url}/v2/workers/list    timeout=5
    Should Be Equal    ${second.json()}[workers][0][state]    busy
    VAR    ${time}    ${first.json()}[workers][0][last_heartbeat_unix]
    Should Be Equal As Numbers    ${second.json()}[workers][0][last_heartbeat_unix]    ${time + 30}

Registering During The Stale Sweep Works
    [Documentation]    The sweep is delayed between two rows. A worker that registers meanwhile is listed at once.
    [Tags]    L040
    ${queen} =    Get Daemon    queen
    Set Time Rate    0
    POST    ${queen.url}/v1/workers/register    data=${REGISTRATION}    timeout=5
    POST    ${queen.url}/v1/workers/register    data=${REGISTRATION.replace("001", "002")}    timeout=5
    ${fault} =    Inject Fault    queen    slow sweep    delay=10s
    Advance Time    150 s
    Wait Until Timer    queen    slow-sweep
    POST    ${queen.url}/v1/workers/register    data=${REGISTRATION.replace("001", "003")}    timeout=2    expected_status=201
    Get Worker Count    queen    ==    3    within=0s
    Advance Time    20 s
    ${list} =    GET    ${queen.url}/v2/workers/list    timeout=5
    Length Should Be    ${list.json()}[workers]    1
    Should Be Equal    ${list.json()}[workers][0][worker_id]    worker-003
    Get Fault Hits    ${fault}    ==    2

Crash Seen Only By Heartbeat Removes The Worker
    [Documentation]    The worker has no hive that reports its death. The queen removes it after 120 s without a heartbeat.
    [Tags]    L042
    ${queen} =    Get Daemon    queen
    Set Time Rate    0
    Start Worker    loner    hive=None    queen_url=${queen.url}    heartbeat=30s
    Get Request Count    queen    POST    /v1/workers/loner/heartbeat    ==    1    status=200
    Kill    loner
    Advance Time    120 s
    Get Worker Count    queen    ==    1    within=0s
    Advance Time    30 s
    Get Worker Count    queen    ==    0    within=0s
    Get Output    queen    contains    worker loner was removed: no heartbeat
    @{sent} =    Get Records    queen    request_out
    Should Be Empty    ${sent}

Lost Heartbeat While Busy Marks The Worker
    [Documentation]    After 120 s the worker gets no new request. It is removed when its running request ends.
    [Tags]    L045
    [Setup]    Start Fleet    workers=1    heartbeat=30s    token_delay=1min
    Get Request Count    queen    POST    /v1/workers/worker-1/heartbeat    >=    1    status=200
    Set Time Rate    0
    ${running} =    Submit Inference    take your time    max_tokens=4
    Wait For Tokens    ${running}    1
    ${fault} =    Inject Fault    worker-1    lost heartbeat
    Advance Time    120 s
    Get State    worker-1    ==    busy    seen_by=queen    within=0s
    Advance Time    30 s
    Get State    worker-1    ==    stale but busy    seen_by=queen    within=0s
    Get State    worker-1    ==    busy    seen_by=hive
    ${next} =    Submit Inference    somebody else    max_tokens=1
    Get Inference State    ${next}    ==    done
    Get Request Count    worker-1    POST    /v1/inference    ==    1    within=0s
    Advance Time    30 s
    Get Inference State    ${running}    ==    done    within=0s
    Get State    worker-1    ==    unlisted    seen_by=queen
    Get Fault Hits    ${fault}    >=    4

Stale Worker Is Removed After Five Minutes
    [Documentation]    The request of the stale worker does not end. The row is removed 300 s after it was marked.
    [Tags]    L045
    Start Busy Loner
    Inject Fault    loner    lost heartbeat
    Advance Time    10 min
    @{records} =    Get Records    queen    worker_stale    worker_removed
    @{changes} =    Format Each    ${records}    {record} {worker_id}
    VAR    @{expected}    worker_stale loner    worker_removed loner
    Should Be Equal    ${changes}    ${expected}
    ${gaps} =    Get Gaps    ${records}
    Should Be Equal    ${gaps}    [300_000]    msg=milliseconds that the stale worker was listed    type=list[int]
    Get State    loner    ==    unlisted    seen_by=queen    within=0s
    Get State    loner    ==    busy

Heartbeat Makes A Stale Worker A Normal One Again
    [Tags]    L045
    Start Busy Loner
    Inject Fault    loner    lost heartbeat
    Advance Time    150 s
    Get State    loner    ==    stale but busy    seen_by=queen    within=0s
    Clear Faults    loner
    Advance Time    30 s
    Get State    loner    ==    busy    seen_by=queen    within=0s

Row Has Its Columns In Their Order
    [Tags]    S59
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    ${list} =    GET    ${queen.url}/v2/workers/list    timeout=5
    VAR    ${expected}
    ...    {"workers":[{"worker_id":"worker-001"    "node":"ws"    "state":"idle"    "model_ref":"mock-model"
    ...    "url":"http://127.0.0.1:9"    "backend":"cpu"    "device":0    "slots_total":1    "slots_available":1
    ...    "last_heartbeat_unix":null}]}
    ...    separator=,
    Should Be Equal    ${list.text}    ${expected}

Workers Health Asks Every Worker
    [Tags]    S60
    Start Hive
    Start Worker    worker-1
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    Get Worker Count    queen    ==    2
    ${health} =    GET    ${queen.url}/v2/workers/health    timeout=5
    @{states} =    Format Each    ${health.json()}[workers]    {worker_id} {state} {ready}
    VAR    @{expected}    worker-001 unreachable False    worker-1 idle True
    Lists Should Be Equal    ${states}    ${expected}    ignore_order=True
    ${one} =    GET    url=${queen.url}/v2/workers/health?node=workstation    timeout=5
    Length Should Be    ${one.json()}[workers]    1
    Should Be Equal    ${one.json()}[workers][0][worker_id]    worker-1
    ${unknown} =    GET    url=${queen.url}/v2/workers/health?node=atlantis    timeout=5    expected_status=404
    Should Be Equal    ${unknown.json()}[error][code]    NODE_NOT_FOUND

Queen Shuts A Worker Down
    [Tags]    S61
    Start Hive
    Start Worker    worker-abc123
    Get Worker Count    queen    ==    1
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/shutdown    data={"worker_id":"worker-abc123"}    timeout=10
    Get Exit Code    worker-abc123    ==    0
    Get Request Count    worker-abc123    POST    /v1/admin/shutdown    ==    1
    Get Worker Count    queen    ==    0
    Get Worker Count    hive    ==    0

Queen Cannot Shut Down A Worker That Does Not Answer
    [Tags]    S61
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${REGISTRATION}    timeout=5
    ${answer} =    POST    ${queen.url}/v2/workers/shutdown    data={"worker_id":"worker-001"}    timeout=15
    ...    expected_status=502
    Should Be Equal    ${answer.json()}[error][code]    WORKER_UNREACHABLE
    Should Be Equal    ${answer.json()}[success]    ${False}

Worker That Stands Alone Says Hello And Good-Bye
    ${queen} =    Get Daemon    queen
    Start Worker    loner    hive=None    queen_url=${queen.url}    slots=4
    Get Worker Count    queen    ==    1    state=idle
    Stop    loner
    Get Worker Count    queen    ==    0
    Get Request Count    queen    POST    /v2/workers/removed    ==    1

Queen Passes On The Log Of A Hive
    [Tags]    S62
    Start Hive
    ${queen} =    Get Daemon    queen
    Start Worker    worker-1
    ${log} =    GET    url=${queen.url}/v2/logs?node=workstation    timeout=5
    Should Match Regexp    ${log.text}    worker worker-1 \\(pid \\d+\\) started
    ${unknown} =    GET    url=${queen.url}/v2/logs?node=atlantis    timeout=5    expected_status=404
    Should Be Equal    ${unknown.json()}[error][code]    NODE_NOT_FOUND


*** Keywords ***
Start Busy Loner
    [Documentation]    Starts a busy worker without a hive, which sends a heartbeat to the queen every 30 s. The clock is held.
    ${queen} =    Get Daemon    queen
    Set Time Rate    0
    Start Worker    loner    hive=None    queen_url=${queen.url}    heartbeat=30s    token_delay=1h
    ${answer} =    Submit Inference    endless    to=loner    max_tokens=2
    Wait For Tokens    ${answer}    1
    Advance Time    30 s
    Get State    loner    ==    busy    seen_by=queen    within=0s
