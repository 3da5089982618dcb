*** Settings ***
Documentation       The queen's list of workers: who gets in, who gets out, and what happens at the same moment.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource
Library             ../../resources/together.py

Test Setup          Start Fleet    hives=0
Test Teardown       Fleet Should Have Behaved


*** Variables ***
${WORKER}       SEPARATOR=,
...             {"worker_id":"worker-001"    "url":"http://127.0.0.1:9"    "model_ref":"mock-model"    "backend":"cpu"
...             "device":0    "node_name":"ws"}


*** Test Cases ***
Same Worker Registers Three Times At Once
    [Tags]    L038
    ${queen} =    Get Daemon    queen
    FOR    ${_}    IN RANGE    10
        ${statuses} =    Send Together    3    POST    ${queen.url}/v1/workers/register    ${WORKER}
        Should Be Equal    ${statuses}    ${{[201, 409, 409]}}
        Get Worker Count    queen    ==    1
        POST    ${queen.url}/v2/workers/removed    data={"worker_id":"worker-001","reason":"again"}    timeout=5
    END

Two State Changes At Once Both Succeed
    [Tags]    L039
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${WORKER}    timeout=5
    ${statuses} =    Send Together    2    PATCH    ${queen.url}/v1/workers/worker-001    {"state":"busy"}
    Should Be Equal    ${statuses}    ${{[200, 200]}}
    Get Worker Count    queen    ==    1    state=busy

Heartbeat Renews The Row And Keeps The State
    [Tags]    L041
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${WORKER}    timeout=5
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
    ${expected} =    Evaluate    ${first.json()}[workers][0][last_heartbeat_unix] + 30
    Should Be Equal As Numbers    ${second.json()}[workers][0][last_heartbeat_unix]    ${expected}

Row Has Its Columns In Their Order
    [Tags]    S59
    ${queen} =    Get Daemon    queen
    POST    ${queen.url}/v2/workers/register    data=${WORKER}    timeout=5
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
    POST    ${queen.url}/v2/workers/register    data=${WORKER}    timeout=5
    Get Worker Count    queen    ==    2
    ${health} =    GET    ${queen.url}/v2/workers/health    timeout=5
    ${found} =    Evaluate    {row['worker_id']: (row['state'], row['ready']) for row in $health.json()['workers']}
    Should Be Equal    ${found}    ${{ {'worker-001': ('unreachable', False), 'worker-1': ('idle', True)} }}
    ${one} =    GET    url=${queen.url}/v2/workers/health?node=workstation    timeout=5
    Should Be Equal    ${{[row['worker_id'] for row in $one.json()['workers']]}}    ${{['worker-1']}}
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
    POST    ${queen.url}/v2/workers/register    data=${WORKER}    timeout=5
    ${answer} =    POST    ${queen.url}/v2/workers/shutdown    data={"worker_id":"worker-001"}    timeout=15
    ...    expected_status=502
    Should Be Equal    ${answer.json()}[error][code]    WORKER_UNREACHABLE
    Should Be Equal    ${answer.json()}[success]    ${False}

Worker That Stands Alone Says Hello And Good-Bye
    [Tags]    L047
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
