*** Settings ***
Documentation       What hive, queen and worker do by themselves, with shorter numbers than rbee's own:
...                 this is a test of the fakes.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource


*** Test Cases ***
Idle Worker Is Shut Down Although Its Health Is Checked
    [Documentation]    Two clocks: a health check is no activity.
    Start Fleet    workers=1    idle_timeout=600ms    idle_tick=20ms    health_interval=50ms
    Get Request Count    worker-1    GET    /v1/health    >    5
    Get Exit Code    worker-1    ==    0    within=5s
    Get Request Count    worker-1    POST    /v1/admin/shutdown    ==    1
    Get Worker Count    hive    ==    0
    Get Output    hive    matches    worker worker-1 \\(pid \\d+\\) removed: idle
    Get Worker Count    queen    ==    0

Busy Worker Is Not Idle
    Start Fleet    workers=1    idle_timeout=300ms    idle_tick=20ms    token_delay=20ms
    ${answer} =    Submit Inference    long    to=worker-1    max_tokens=50
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Exit Code    worker-1    ==    0    within=5s

Silent Worker Is Removed After Three Misses
    Start Fleet    workers=2    health_interval=50ms    health_timeout=50ms    term_grace=100ms    list_probe_timeout=20ms
    Get Request Count    worker-1    GET    /v1/health    >=    1
    Freeze    worker-1
    Get Exit Code    worker-1    ==    -9    within=5s
    Get Output    hive    contains    health check of worker-1 missed 1/3
    Get Output    hive    contains    health check of worker-1 missed 3/3
    Get Output    hive    not contains    missed 4/3
    Get Worker Count    hive    ==    1
    Get State    worker-2    ==    idle

Hung Worker Is Started Again Where That Is Asked For
    Start Fleet    workers=1    health_interval=50ms    health_timeout=50ms    term_grace=50ms    restart_hung=1
    ${before} =    Get Daemon    worker-1
    Freeze    worker-1
    Get Output    hive    contains    worker worker-1 did not answer and is started again    within=5s
    Get Request Count    hive    POST    /v1/workers/ready    ==    2
    ${after} =    Get Daemon    worker-1
    Should Not Be Equal    ${before.pid}    ${after.pid}

Worker That Loads For Too Long Is Given Up By Its Hive
    [Documentation]    The callback of a loading worker counts; a worker without any is given up.
    Start Fleet    hives=1    loading_limit=300ms    health_interval=0s
    Start Worker    worker-1    callback_url=http://localhost:9999/nowhere
    Get Exit Code    worker-1    ==    -9    within=5s
    Get Output    hive    matches    removed: loading-timeout
    Get Worker Count    hive    ==    0

Lost Callback Is Repeated
    ${port} =    Occupy Port    mode=refuse
    Start Worker    hive=None    queen_url=http://127.0.0.1:${port}    callback_delays=50ms,50ms,50ms
    Get Output    worker-1    matches    (?s)(failed: Connection refused.*){4}
    Get State    worker-1    ==    idle

Required Callback That Fails Ends The Worker
    ${port} =    Occupy Port    mode=refuse
    Start Worker    hive=None    queen_url=http://127.0.0.1:${port}    callback_delays=20ms    callback_required=True
    Get Exit Code    worker-1    ==    1

Heartbeats Reach The Queen
    Start Queen
    ${queen} =    Get Daemon    queen
    Start Worker    hive=None    queen_url=${queen.url}    heartbeat=50ms
    Get Request Count    queen    POST    /v1/workers/worker-1/heartbeat    >=    3

Heartbeats Reach The Hive And Are Passed On
    Start Fleet    hives=1
    Start Worker    hive_heartbeat=50ms
    Get Request Count    hive    POST    /v1/heartbeat    >=    2
    Get Request Count    queen    POST    /v1/workers/worker-1/heartbeat    >=    1

Worker Without Heartbeats Is Removed By The Queen
    Start Queen    heartbeat_timeout=300ms    sweep_interval=50ms
    ${queen} =    Get Daemon    queen
    Start Worker    hive=None    queen_url=${queen.url}    heartbeat=50ms
    Get Request Count    queen    POST    /v1/workers/worker-1/heartbeat    >=    1
    Get Worker Count    queen    ==    1
    Kill    worker-1
    Get Worker Count    queen    ==    0    within=5s

Loading Worker That Never Ends Is Given Up By The Queen
    Start Queen    ready_poll=50ms    ready_timeout=400ms
    Start Hive
    Start Worker    load_time=1 h    layers=8    layer_step=1    until=loading
    ${answer} =    Submit Inference    hope
    Get Inference Error    ${answer}    ==    LOADING_TIMEOUT
    Should Be Equal As Integers    ${answer.status}    504
    Should Be Equal    ${answer.error}[details][worker_id]    worker-1

Relay That Takes Too Long Is Cut
    Start Queen    inference_timeout=300ms
    Start Hive
    Start Worker    token_delay=1 h
    ${answer} =    Submit Inference    slow
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get State    worker-1    ==    idle

Silent Stream Is Kept Alive By Comments
    ${worker} =    Start Worker    hive=None    token_delay=400ms    keep_alive=50ms
    ${answer} =    POST    ${worker.url}/v1/inference    data={"prompt":"x","max_tokens":2}    timeout=10
    ${comments} =    Evaluate    $answer.text.count(':\\n\\n')
    Should Be True    3 <= ${comments} <= 8

Stop Sequence Ends The Text
    ${worker} =    Start Worker    hive=None    answer=one two three four    event_shape=typed
    ${answer} =    POST    ${worker.url}/v1/inference    data={"prompt":"x","stop":["two"]}    timeout=10
    Should Contain    ${answer.text}    "stop_reason":"STOP_SEQUENCE","stop_sequence_matched":"two"
    Should Not Contain    ${answer.text}    three

Another Program In The Place Of A Fake
    [Documentation]    A queen from a path is asked for its health until it answers.
    ${path} =    Evaluate    pathlib.Path(sys.executable).parent / 'fake-queen'    modules=pathlib,sys
    Start Queen    program=${path}
    Get State    queen    ==    idle
    Stop    queen
    Get Exit Code    queen    ==    0

Worker Binary That Is Missing Is Named
    Start Hive    worker_binary=/no/such/worker
    Run Keyword And Expect Error    *500 WORKER_BINARY_NOT_FOUND*/no/such/worker*    Start Worker

Log Of A Hive Can Be Followed
    Start Hive
    ${hive} =    Get Daemon    hive
    VAR    ${url}    ${hive.url}/v1/logs?follow=true
    ${follower} =    Evaluate    requests.get($url, stream=True, timeout=10)    modules=requests
    Start Worker
    ${seen} =    Evaluate    next(line for line in $follower.iter_lines(chunk_size=1) if b'worker-1' in line)
    Should Match Regexp    ${seen.decode()}    worker worker-1 \\(pid \\d+\\) started
    Stop    hive
