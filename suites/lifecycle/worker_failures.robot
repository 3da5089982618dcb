*** Settings ***
Documentation       Workers that die, freeze or crash: what their clients get, what the hive detects, and which
...                 workers are listed.

Library             OperatingSystem
Library             RequestsLibrary
Library             ../../resources/file_tools.py
Library             ../../resources/process_table.py
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Killed Worker Breaks The Stream And Leaves The List
    [Tags]    S39    L028    EC4
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    8
    Kill    worker-1
    Get Inference State    ${answer}    ==    broken    within=1s
    Get Token Count    ${answer}    >=    8
    Get Exit Code    worker-1    ==    -9
    Get Worker Count    hive    ==    0    within=0s
    Get Worker Count    queen    ==    0    within=1s
    Get State    hive    ==    idle

Killed Worker Breaks The Stream Of The Queen
    [Documentation]    The queen ends its own stream without the end marker, and does not repeat the request.
    [Tags]    S39    L042    EC4
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    max_tokens=2000
    Wait For Tokens    ${answer}    8
    Kill    worker-1
    Get Inference State    ${answer}    ==    broken    within=1s
    Get Token Count    ${answer}    >=    8
    @{sent} =    Get Records    queen    request_out
    @{paths} =    Get Field Of Each    ${sent}    path
    VAR    @{expected}    /v1/workers/list    /v1/inference
    Should Be Equal    ${paths}    ${expected}    msg=requests of the queen

Hive Reaps Its Killed Worker
    [Documentation]    The hive has no zombie among its children, no longer lists the pid, and logs the crash.
    [Tags]    L027    L028    L029
    ${fleet} =    Start Fleet    workers=2
    ${victim} =    Get Daemon    worker-1
    Kill    worker-1
    Get Worker Count    hive    ==    1    within=0s
    Get Output    hive    contains    worker worker-1 (pid ${victim.pid}) crashed: exit code None, signal 9
    VAR    ${hive}    ${fleet.hives}[0]
    ${list} =    GET    ${hive.url}/v1/workers/list    timeout=5
    @{listed} =    Get Field Of Each    ${list.json()}[workers]    pid
    @{children} =    Get Child Pids    ${hive.pid}
    Should Not Contain    ${children}    ${victim.pid}
    Should Not Contain    ${listed}    ${victim.pid}
    Get State    worker-2    ==    idle    seen_by=hive

Frozen Worker Stalls Its Stream
    [Tags]    S47    L033
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    to=worker-1    max_tokens=2000    timeout=600ms
    Wait For Tokens    ${answer}    3
    Freeze    worker-1
    Get State    worker-1    ==    frozen    within=0s
    Get Inference State    ${answer}    ==    stalled
    Get State    hive    ==    idle
    Resume    worker-1
    Get State    worker-1    ==    idle

Frozen Worker Does Not Hold Up The List
    [Documentation]    The hive requests the state of each worker, with a limit of 0.5 s.
    ...    A silent worker is listed in its last known state.
    [Tags]    S47
    ${fleet} =    Start Fleet    workers=2
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    Freeze    worker-1
    ${list} =    GET    ${fleet.hives[0].url}/v1/workers/list    timeout=1
    @{states} =    Format Each    ${list.json()}[workers]    {worker_id} {state}
    VAR    @{expected}    worker-1 idle    worker-2 idle
    Should Be Equal    ${states}    ${expected}

Worker Killed While Loading Is Noticed
    [Tags]    S33    L027
    Start Fleet    hives=1
    Start Worker    worker-1    load_time=5 min    until=loading
    Get Worker Count    hive    ==    1    state=loading
    Kill    worker-1
    Get Worker Count    hive    ==    0    within=0s
    Get State    worker-1    ==    killed    seen_by=process

Task For A Worker Killed While Loading Fails
    [Tags]    S33
    Start Fleet    hives=1
    Start Worker    worker-1    load_time=5 min    until=loading
    ${answer} =    Submit Inference    hope    timeout=10s
    Get Request Count    worker-1    GET    /v1/ready    >=    1
    Kill    worker-1
    Set Time Rate    20
    Get Inference State    ${answer}    ==    refused    within=5s
    Get Inference Error    ${answer}    ==    WORKER_CRASHED

Worker That Cannot Start Is Reported With Its Exit Code
    [Tags]    L015
    Start Fleet    hives=1
    Run Keyword And Expect Error    *500 WORKER_CRASHED*exit code 1*no-such-file.json*
    ...    Start Worker    worker-1    answers=no-such-file.json
    Get Worker Count    hive    ==    0

Worker That Never Opens Its Port Is Killed
    [Documentation]    The worker program only sleeps. After 30 s the spawn fails, and the forced end is documented.
    [Tags]    L031
    VAR    ${sleeper}    ${OUTPUT DIR}/sleeper.sh
    Create Script    ${sleeper}    exec sleep 1000
    Start Hive    queen=None    worker_binary=${sleeper}
    Set Time Rate    300
    Run Keyword And Expect Error    *500 WORKER_CRASHED*did not open its port within 30s*    Start Worker    sleeper
    Forced End Should Be Documented    sleeper    no port
    Get Worker Count    hive    ==    0
    [Teardown]    Run Keywords    Remove File    ${sleeper}    AND    Fleet Should Have Behaved

Killed Hive Leaves Its Workers Alive
    [Documentation]    The new hive, on the old port, does not know the workers.
    ...    The queen does, and the running inference is finished.
    [Tags]    L046
    Start Fleet    workers=3    token_delay=1s
    ${before} =    Get Daemon    hive
    Set Time Rate    0
    ${answer} =    Submit Inference    carry on    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Kill    hive
    Get Exit Code    hive    ==    -9
    ${after} =    Restart    hive
    Should Be Equal    ${after.url}    ${before.url}
    Get Worker Count    hive    ==    0
    Advance Time    19 s
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    20
    FOR    ${worker}    IN    worker-1    worker-2    worker-3
        Get State    ${worker}    ==    idle
    END
    Get Worker Count    queen    ==    3

Workers End With A Killed Hive Where That Is Asked For
    [Documentation]    The workers end gracefully, as after a SIGTERM.
    [Tags]    L046
    Start Fleet    workers=2    workers_die_with_hive=on
    Kill    hive
    FOR    ${worker}    IN    worker-1    worker-2
        Get State    ${worker}    ==    exited    seen_by=process
        Get Output    ${worker}    contains    model unloaded
    END

Exit Code Of A Worker That Outlived Its Hive Is Known
    [Documentation]    A worker becomes a child of the nursery when its hive dies, and the nursery waits for its exit.
    [Tags]    L046
    Start Fleet    workers=2
    Kill    hive
    Stop    worker-1
    Get Exit Code    worker-1    ==    0
    Kill    worker-2
    Get Exit Code    worker-2    ==    -9
