*** Settings ***
Documentation       The journal of all processes: which requests were sent, in which order, under which correlation id.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=1
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
One Correlation Id On All Hops
    [Documentation]    Client, queen, hive and worker record the same id.
    [Tags]    S07
    ${mark} =    Mark Journal
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    VAR    ${id}    ${answer.headers}[x-correlation-id]
    @{task} =    Get Requests    queen    POST    /v2/tasks
    @{list} =    Get Requests    hive    GET    /v1/workers/list    since=${mark}
    @{inference} =    Get Requests    worker-1    POST    /v1/inference
    Should Be Equal    ${task[0].correlation_id}    ${id}
    Should Be Equal    ${list[0].correlation_id}    ${id}
    Should Be Equal    ${inference[0].correlation_id}    ${id}
    Should Be Equal    ${inference[0].request_id}    ${answer.id}

Requests In Another Order Are Not The Flow
    [Documentation]    All of them have come, but the inference did not come before the task that caused it.
    [Tags]    S08
    ${mark} =    Mark Journal
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Run Keyword And Expect Error    queen POST /v2/tasks did not come after worker-1 POST /v1/inference*
    ...    Requests Should Be In Order    worker-1 POST /v1/inference    queen POST /v2/tasks    since=${mark}    within=0s

Requests Come In The Order Of The Flow
    [Tags]    S08    S10
    ${mark} =    Mark Journal
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Requests Should Be In Order
    ...    queen POST /v2/tasks
    ...    hive GET /v1/workers/list
    ...    worker-1 POST /v1/inference
    ...    since=${mark}
    No Request Should Come    hive    GET    /v1/health    since=${mark}
    No Request Should Come    hive    ${None}    /v1/models/*    since=${mark}
    No Request Should Come    hive    POST    /v1/workers/spawn    since=${mark}    during=100ms

Request That Runs Is Known Already
    [Documentation]    A running request is recorded with a status, but without an end.
    Stop    worker-1
    Start Worker    token_delay=1 h
    ${answer} =    Submit Inference    slow    to=worker-1
    Wait For Tokens    ${answer}    1
    @{running} =    Get Requests    worker-1    POST    /v1/inference
    Should Be Equal    ${running[0].status}    ${200}
    Should Be Equal    ${running[0].end}    ${None}

Gaps Between Requests Are Measured
    FOR    ${_}    IN RANGE    3
        ${answer} =    Submit Inference    again    to=worker-1    max_tokens=2
        Wait Until Inference Ends    ${answer}
    END
    Get Request Gaps    worker-1    POST    /v1/inference    ==    ['0s', '0s']    tolerance=1s
    Run Keyword And Expect Error    gaps between requests *, expected == [[]5 s, 5 s]*
    ...    Get Request Gaps    worker-1    POST    /v1/inference    ==    ['5s', '5s']    within=0s

Whole Life Of A Worker Is In The Journal
    [Documentation]    Start, states, signal and end of a worker, in this order, from the journals of three processes.
    Stop    worker-1
    Get Worker Count    hive    ==    0
    ${mark} =    Mark Journal
    Start Worker    worker-2
    Stop    worker-2
    @{records} =    Get Records    ${None}    process_started    bound    state    signal_sent    signal    process_exited
    ...    since=${mark}
    @{history} =    Format Each    ${records}    {name} {record}
    VAR    @{expected}
    ...    hive process_started    worker-2 state    worker-2 bound
    ...    library signal_sent    worker-2 signal    worker-2 state
    ...    hive process_exited
    Should Be Equal    ${history}    ${expected}
    Should Be Equal    ${records}[1][to]    idle
    Should Be Equal    ${records}[3][to]    worker-2
    Should Be Equal    ${records}[4][signal]    SIGTERM
    Should Be Equal    ${records}[5][to]    draining
    Should Be Equal    ${records[6].get('signal')}    ${None}    msg=signal that ended worker-2

Killed Worker Keeps Its Journal
    [Documentation]    Everything that the worker recorded before it was killed is in the file.
    [Tags]    S39
    Stop    worker-1
    Start Worker    token_delay=20ms
    ${answer} =    Submit Inference    long    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    5
    Kill    worker-1
    Wait Until Inference Ends    ${answer}
    Get Request Count    worker-1    POST    /v1/inference    ==    1
    @{written} =    Get Records    worker-1    token
    ${count} =    Get Length    ${written}
    Get Token Count    ${answer}    <=    ${count}
    @{last} =    Get Field Of Each    ${written}    index
    Should Be Equal    ${last}[-1]    ${count - 1}
