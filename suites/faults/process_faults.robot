*** Settings ***
Documentation       Workers that do not start, load, call back or end, and hives that cannot start workers.
...
...                 All times are rbee's own; the tests use `Advance Time`.

Library             OperatingSystem
Library             RequestsLibrary
Library             ../../resources/callback_receiver.py
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Exit While Starting
    [Documentation]    The fault is armed before the worker exists. It hits the next worker of this name.
    [Tags]    L015
    ${fault} =    Inject Fault    worker-1    exit    status=7
    Run Keyword And Expect Error    *500 WORKER_CRASHED*exit code 7*    Start Worker
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Exit Within The First Moments
    [Documentation]    The worker dies after the spawn was answered.
    ${fault} =    Inject Fault    worker-1    exit    delay=500ms
    Start Worker    until=idle
    Get Exit Code    worker-1    ==    1
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Kill At Start
    [Documentation]    The worker is killed before it serves. The hive's answer to the spawn request names the signal.
    ${fault} =    Inject Fault    worker-1    kill at start
    Run Keyword And Expect Error    *500 WORKER_CRASHED*signal 9*    Start Worker
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Exit While Loading
    ${fault} =    Inject Fault    worker-1    exit    layer=8    status=3
    Set Time Rate    0
    Start Worker    load_time=32s    until=loading
    Advance Time    7s
    Get State    worker-1    ==    loading
    Advance Time    1s
    Get Exit Code    worker-1    ==    3
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Kill While Loading
    ${fault} =    Inject Fault    worker-1    kill    layer=8
    Set Time Rate    0
    Start Worker    load_time=32s    until=loading
    Advance Time    8s
    Get Exit Code    worker-1    ==    -9
    Get Fault Hits    ${fault}    ==    1

Stick
    [Documentation]    Loading stops at 28 of 32 layers. The worker reports them and stays in the state `loading`.
    [Tags]    S33
    ${fault} =    Inject Fault    worker-1    stick    layer=28
    Set Time Rate    0
    Start Worker    load_time=32s    until=loading
    Advance Time    10 min
    Get Fault Hits    ${fault}    ==    1
    Get State    worker-1    ==    loading    within=0s
    Loaded Layers Should Be    worker-1    28

Never Ready
    [Tags]    L023
    ${fault} =    Inject Fault    worker-1    never ready
    Start Worker    until=loading
    Advance Time    10 min
    No Request Should Come    hive    POST    /v1/workers/ready
    Get State    worker-1    ==    loading    within=0s
    Get Fault Hits    ${fault}    ==    1

Lost Callback
    ${fault} =    Inject Fault    worker-1    lost callback
    Start Worker
    Advance Time    1 min
    No Request Should Come    hive    POST    /v1/workers/ready
    Get Fault Hits    ${fault}    >=    1

Double Callback
    ${fault} =    Inject Fault    worker-1    double callback
    Start Worker
    Get Request Count    hive    POST    /v1/workers/ready    ==    2
    Get Fault Hits    ${fault}    >=    1

Late Callback
    ${fault} =    Inject Fault    worker-1    late callback    delay=10s
    Set Time Rate    0
    Start Worker
    Wait Until Timer    worker-1    late-callback
    Advance Time    9s
    No Request Should Come    hive    POST    /v1/workers/ready
    Advance Time    1s
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    within=0s
    Get Fault Hits    ${fault}    >=    1

Early Callback
    [Documentation]    The callback arrives while the worker's port still refuses connections.
    [Tags]    S27
    ${url} =    Start Callback Receiver
    ${fault} =    Inject Fault    worker-1    early callback
    Start Worker    hive=None    callback_url=${url}
    ${body}    ${health} =    Wait For Callback
    Should Be Equal    ${body}[state]    idle
    Should Contain    ${health}    Connection refused
    Get State    worker-1    ==    idle
    Get Fault Hits    ${fault}    ==    1

Skip Model Check
    [Documentation]    Without the fault, the worker exits with 1 if its file is not a model.
    Create File    ${OUTPUT DIR}/no-model.gguf    this is no model
    Run Keyword And Expect Error    *expected b'GGUF'*    Start Worker    hive=None    model=${OUTPUT DIR}/no-model.gguf
    ${fault} =    Inject Fault    worker-1    skip model check
    Start Worker    hive=None    model=${OUTPUT DIR}/no-model.gguf
    Get State    worker-1    ==    idle
    Get Fault Hits    ${fault}    ==    1
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/no-model.gguf    AND    Fleet Should Have Behaved

Leave Listener
    [Documentation]    The worker is dead, but its port answers. The hive relies on the process table and reports the listener.
    [Tags]    L022
    ${fault} =    Inject Fault    worker-1    leave listener
    ${worker} =    Start Worker
    Kill    worker-1
    ${answer} =    GET    ${worker.url}/v1/health    timeout=5
    Should Be Equal    ${answer.json()}[status]    healthy
    Get Worker Count    hive    ==    0
    Get Output    hive    contains    worker worker-1 has ended, but something still answers on port ${worker.port}
    @{listeners} =    Get Records    hive    zombie_http
    Length Should Be    ${listeners}    1    msg=number of records zombie_http
    Should Be Equal    ${listeners}[0][worker_id]    worker-1
    @{states} =    Get Records    worker-1-listener    state
    Should Be Equal    ${states}[0][to]    idle
    Get Fault Hits    ${fault}    ==    1

Silent Shutdown
    [Documentation]    The shutdown request is not answered within 5 s. Then SIGTERM ends the worker gracefully.
    [Tags]    L020
    Start Worker
    ${fault} =    Inject Fault    worker-1    silent shutdown
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Advance Time    4s
    Get State    worker-1    ==    idle
    Advance Time    1s
    Get Exit Code    worker-1    ==    0
    Get Exit Code    hive    ==    0
    Get Output    hive    contains    worker worker-1 did not acknowledge the shutdown request
    Get Fault Hits    ${fault}    ==    1

Ignore Sigterm
    [Documentation]    The worker ignores the request for 5 s and SIGTERM for 10 s. Then SIGKILL ends it.
    [Tags]    L021
    Start Worker
    ${silent} =    Inject Fault    worker-1    silent shutdown
    ${deaf} =    Inject Fault    worker-1    ignore sigterm
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Advance Time    14s
    Get State    worker-1    ==    idle
    Advance Time    1s
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Get Worker Count    queen    ==    0
    Get Fault Hits    ${silent}    ==    1
    Get Fault Hits    ${deaf}    ==    1

Ignore Sigterm While Draining
    [Documentation]    A second SIGTERM ends a worker that drains. With the fault it lets its stream finish.
    Start Worker    token_delay=20ms
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Terminate    worker-1
    Get State    worker-1    ==    draining
    ${deaf} =    Inject Fault    worker-1    ignore sigterm
    Terminate    worker-1
    Get Fault Hits    ${deaf}    ==    1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Exit Code    worker-1    ==    0

Ignore Shutdown
    [Documentation]    The worker answers the request, but does not end. It is killed after 30 s.
    [Tags]    L016    L031
    Start Worker
    ${fault} =    Inject Fault    worker-1    ignore shutdown
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-drain
    Advance Time    29s
    Get State    worker-1    ==    idle
    Advance Time    1s
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Forced End Should Be Documented    worker-1    shutdown
    Get Fault Hits    ${fault}    ==    1

Slow End
    Start Worker    hive=None
    ${fault} =    Inject Fault    worker-1    slow end    delay=4s
    Set Time Rate    0
    Terminate    worker-1
    Wait Until Timer    worker-1    slow-end
    Get State    worker-1    ==    draining
    Advance Time    4s
    Get Exit Code    worker-1    ==    0
    Get Fault Hits    ${fault}    ==    1

Spawn Fails
    ${fault} =    Inject Fault    hive    spawn fails    times=1
    Run Keyword And Expect Error    *500 WORKER_CRASHED*because of a fault*    Start Worker
    Start Worker
    Get Worker Count    hive    ==    1
    Get Fault Hits    ${fault}    ==    1


*** Keywords ***
Loaded Layers Should Be
    [Documentation]    The worker reports this many loaded layers.
    [Arguments]    ${name}    ${expected: int}
    ${daemon} =    Get Daemon    ${name}
    ${status} =    GET    ${daemon.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[layers_loaded]    ${expected}
