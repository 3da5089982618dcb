*** Settings ***
Documentation       Graceful stops: running requests are finished, new ones refused, and children end before their parents.
...                 Programs that do not end in time are killed.

Library             String
Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
SIGTERM To The Hive Ends All Workers
    [Documentation]    A worker that acknowledges the shutdown request and ends in time gets no signal.
    [Tags]    S49    L032
    Start Fleet    workers=3
    Terminate    hive
    FOR    ${worker}    IN    worker-1    worker-2    worker-3
        Get Exit Code    ${worker}    ==    0    within=5s
        Get Request Count    ${worker}    POST    /v1/admin/shutdown    ==    1
        @{signals} =    Get Records    ${worker}    signal
        Should Be Empty    ${signals}    msg=${worker} got a signal: ${signals}
    END
    Get Exit Code    hive    ==    0
    Get Worker Count    queen    ==    0
    @{records} =    Get Records    hive    graceful_exit    force_kill
    @{ends} =    Format Each    ${records}    {worker_id} {record}
    VAR    @{expected}    worker-1 graceful_exit    worker-2 graceful_exit    worker-3 graceful_exit
    Lists Should Be Equal    ${ends}    ${expected}    ignore_order=True

Draining Worker Says That It Is Not Ready
    [Documentation]    It finishes its stream, and nobody should send it another request.
    [Tags]    L032
    ${worker} =    Start Worker    hive=None    token_delay=10 s
    ${answer} =    Submit Inference    one more    to=worker-1    max_tokens=2
    Wait For Tokens    ${answer}    1
    Terminate    worker-1
    Wait Until State    worker-1    draining
    ${ready} =    GET    ${worker.url}/v1/ready    timeout=5
    Should Be Equal    ${ready.text}    {"ready":false,"state":"draining"}
    ${refused} =    Submit Inference    too late    to=worker-1
    Get Inference Error    ${refused}    ==    WORKER_NOT_READY
    Advance Time    10 s
    Get Inference State    ${answer}    ==    done
    Get Exit Code    worker-1    ==    0

Shutdown Progress Is Logged
    [Documentation]    Log and journal show the number of workers, each end of a worker, and the end of the shutdown.
    [Tags]    L026
    Start Fleet    workers=4
    Stop    hive
    VAR    @{messages}    shutdown started: 4 workers    shutdown progress: 1/4    shutdown progress: 2/4
    ...    shutdown progress: 3/4    shutdown progress: 4/4    shutdown finished
    ${log} =    Get Output    hive
    @{logged} =    Get Regexp Matches    ${log}    shutdown (?:started|progress|finished).*
    Should Be Equal    ${logged}    ${messages}
    @{records} =    Get Records    hive    shutdown_started    shutdown_progress    shutdown_finished
    @{numbers} =    Format Each    ${records}    {n} of {total}
    VAR    @{expected}    - of 4    1 of 4    2 of 4    3 of 4    4 of 4    - of 4
    Should Be Equal    ${numbers}    ${expected}

Five Workers Shut Down In Parallel
    [Documentation]    Each worker needs 4 s to end. All get the request at the same moment, and the hive ends after
    ...    4 s, not after 20.
    [Tags]    L024
    Start Fleet    workers=5
    VAR    @{workers}    worker-1    worker-2    worker-3    worker-4    worker-5
    Break Every    ${workers}    slow end    delay=4s
    Set Time Rate    0
    Terminate    hive
    FOR    ${worker}    IN    @{workers}
        Wait Until Timer    ${worker}    slow-end
    END
    Advance Time    3999 ms
    Get State    hive    ==    draining    within=0s
    Advance Time    1 ms
    Get Exit Code    hive    ==    0
    @{requests} =    Get Records    hive    request_out    path=/v1/admin/shutdown
    Length Should Be    ${requests}    5
    ${gaps} =    Get Gaps    ${requests}    field=start
    Should Be Equal    ${gaps}    [0, 0, 0, 0]    msg=milliseconds between the shutdown requests    type=list[int]

Workers Are Gone Before Their Hive
    [Documentation]    The hive waits for its children. When it has ended no worker is left, not even a busy one.
    [Tags]    S49
    Start Fleet    workers=2    token_delay=1s
    Set Time Rate    0
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Terminate    hive
    Wait Until Timer    worker-1    drain
    Advance Time    19 s
    Get Exit Code    hive    ==    0
    Get State    worker-1    ==    exited    seen_by=process    within=0s
    Get State    worker-2    ==    exited    seen_by=process    within=0s

Shutdown Request To The Hive Does The Same
    [Tags]    S49
    Start Fleet    workers=2
    ${hive} =    Get Daemon    hive
    ${answer} =    POST    ${hive.url}/v1/admin/shutdown    timeout=5
    Should Be Equal As Integers    ${answer.status_code}    202
    Get Exit Code    hive    ==    0
    Get Exit Code    worker-1    ==    0
    Get Exit Code    worker-2    ==    0

SIGTERM To The Queen Takes Everything Down
    [Documentation]    The queen ends the hives that it has reached, and each hive ends its workers.
    [Tags]    cascade
    Start Fleet    workers=2
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Stop    queen
    Get Exit Code    queen    ==    0
    Get Exit Code    hive    ==    0
    Get Exit Code    worker-1    ==    0
    Get Exit Code    worker-2    ==    0

SIGTERM To A Worker Finishes Two Running Requests
    [Documentation]    Both requests get all their tokens, a third one is refused, and the worker reports its end to the queen.
    [Tags]    L047
    ${queen} =    Start Queen
    Start Worker    hive=None    queen_url=${queen.url}    slots=2    token_delay=1s
    Get Worker Count    queen    ==    1
    Set Time Rate    0
    ${one} =    Submit Inference    until the end    to=worker-1    max_tokens=20
    ${two} =    Submit Inference    to the last word    to=worker-1    max_tokens=30
    Wait For Tokens    ${one}    1
    Wait For Tokens    ${two}    1
    Terminate    worker-1
    Worker Should Refuse While It Drains    worker-1
    Advance Time    29 s
    All Tokens Should Have Come    ${one}    20
    All Tokens Should Have Come    ${two}    30
    Get Exit Code    worker-1    ==    0
    Get Request Count    queen    POST    /v2/workers/removed    ==    1    status=200
    Get Worker Count    queen    ==    0

Shutdown Request Lets A Running Stream Finish
    [Documentation]    A hive that ends sends the request. The worker refuses new requests and finishes the running one.
    [Tags]    L017
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Terminate    hive
    Get Request Count    worker-1    POST    /v1/admin/shutdown    ==    1    status=202
    Worker Should Refuse While It Drains    worker-1
    Advance Time    19 s
    All Tokens Should Have Come    ${answer}    20
    Get Exit Code    worker-1    ==    0
    Get Exit Code    hive    ==    0

Running Stream Is Cut When The Drain Time Is Over
    [Documentation]    The worker has thirty seconds for the running request.
    [Tags]    L017
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    endless    to=worker-1
    Wait For Tokens    ${answer}    1
    Set Time Rate    0
    Terminate    worker-1
    Wait Until Timer    worker-1    drain
    Advance Time    29s
    Get Inference State    ${answer}    ==    streaming    within=0s
    Advance Time    1s
    Get Inference State    ${answer}    ==    broken
    Get Exit Code    worker-1    ==    0

Ctrl+C Ends A Worker Like SIGTERM
    Start Worker    hive=None
    Interrupt    worker-1
    Get Exit Code    worker-1    ==    0
    Get Output    worker-1    contains    model unloaded

Second Signal To A Hive Ends Its Workers
    [Documentation]    The second signal means: do not wait. The forced ends of the workers are documented as usual.
    [Tags]    L031
    Start Fleet    workers=1
    Freeze    worker-1
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Terminate    hive
    Get Exit Code    hive    ==    0
    Get Exit Code    worker-1    ==    -9
    Forced End Should Be Documented    worker-1    second signal

Second Signal Ends The Waiting
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    endless    to=worker-1
    Wait For Tokens    ${answer}    1
    Terminate    worker-1
    Get State    worker-1    ==    draining
    Terminate    worker-1
    Get Exit Code    worker-1    ==    0

Worker Without A Life To Spare Ends By Itself
    Set Time Rate    0
    Start Worker    hive=None    max_lifetime=30s
    Advance Time    29s
    Get State    worker-1    ==    idle
    Advance Time    1s
    Get Exit Code    worker-1    ==    0

Deaf Worker Is Killed After Its Grace Period
    [Documentation]    A frozen worker neither answers the request within 5 s nor ends within 10 s of the signal.
    [Tags]    L021    S49
    Start Fleet    workers=1
    Freeze    worker-1
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Advance Time    14s
    Get State    worker-1    ==    frozen    within=0s
    Advance Time    1s
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Get Worker Count    queen    ==    0
    Forced End Should Be Documented    worker-1    shutdown

Silent Worker Is Killed Through Its Stored Pid
    [Documentation]    The hive waits 10 s for the acknowledgement, sends no SIGTERM, and then kills the worker.
    [Tags]    L020    L031
    Start Fleet    workers=1    shutdown_ack=10s    term_grace=0
    ${fault} =    Inject Fault    worker-1    silent shutdown
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Advance Time    9999 ms
    Get State    worker-1    ==    idle    within=0s
    Advance Time    1 ms
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    @{signals} =    Get Records    worker-1    signal
    Should Be Empty    ${signals}    msg=worker-1 got a signal that it could hear: ${signals}
    Forced End Should Be Documented    worker-1    shutdown
    Get Fault Hits    ${fault}    ==    1

One Silent Worker Costs At Most The Total Limit
    [Documentation]    The hive would wait a minute for the acknowledgement.
    ...    Two workers end gracefully, the silent one is killed at 30 s.
    [Tags]    L025
    Start Fleet    workers=3    shutdown_ack=60s
    ${fault} =    Inject Fault    worker-2    silent shutdown
    Set Time Rate    0
    Terminate    hive
    Get Exit Code    worker-1    ==    0
    Get Exit Code    worker-3    ==    0
    Wait Until Timer    hive    shutdown-ack
    Advance Time    29999 ms
    Get State    worker-2    ==    idle    within=0s
    Get State    hive    ==    draining    within=0s
    Advance Time    1 ms
    Get Exit Code    worker-2    ==    -9
    Get Exit Code    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Several Hung Workers Are Killed Together
    [Documentation]    The workers ignore the request for 5 s and SIGTERM for 10 s. All three are killed together, at 15 s.
    [Tags]    L030    L031
    Start Fleet    workers=3
    VAR    @{workers}    worker-1    worker-2    worker-3
    Break Every    ${workers}    silent shutdown
    Break Every    ${workers}    ignore sigterm
    Set Time Rate    0
    Terminate    hive
    FOR    ${worker}    IN    @{workers}
        Get Request Count    ${worker}    POST    /v1/admin/shutdown    ==    1
    END
    Advance Time    15 s
    Get Exit Code    hive    ==    0
    @{records} =    Get Records    hive    shutdown_started    force_kill
    ${gaps} =    Get Gaps    ${records}
    Should Be Equal    ${gaps}    [15_000, 0, 0]    msg=milliseconds from the start to each forced end    type=list[int]
    FOR    ${worker}    IN    @{workers}
        Get Exit Code    ${worker}    ==    -9
        Forced End Should Be Documented    ${worker}    shutdown
    END

Queen That Ends While A Worker Loads Tells Its Client
    [Documentation]    The client gets a status, not a connection that drops.
    [Tags]    U17
    Start Fleet    hives=1    load_time=1h
    ${answer} =    Submit Inference    is it ready yet
    Get Worker Count    hive    ==    1    state=loading
    Stop    queen
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    SHUTTING_DOWN


*** Keywords ***
Break Every
    [Documentation]    Injects the same fault into each of these workers.
    [Arguments]    ${workers}    ${kind}    &{options}
    FOR    ${worker}    IN    @{workers}
        Inject Fault    ${worker}    ${kind}    &{options}
    END

Worker Should Refuse While It Drains
    [Documentation]    The worker's state is `draining`, and it answers a new inference with 503.
    [Arguments]    ${worker}
    Get State    ${worker}    ==    draining
    ${late} =    Submit Inference    too late    to=${worker}
    Get Inference State    ${late}    ==    refused
    Get Inference Error    ${late}    ==    WORKER_NOT_READY
    Should Be Equal As Integers    ${late.status}    503

All Tokens Should Have Come
    [Documentation]    The inference has this many tokens and the end marker.
    [Arguments]    ${answer}    ${count: int}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    ${count}
