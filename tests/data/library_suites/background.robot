*** Settings ***
Documentation       Details of the fakes that no scenario of rbee needs.

Library             RequestsLibrary
Resource            ../../../resources/rbee.resource


*** Test Cases ***
Required Callback That Fails Ends The Worker
    ${port} =    Occupy Port    mode=refuse
    Set Time Rate    0
    Start Worker    hive=None    queen_url=http://127.0.0.1:${port}    callback_delays=20ms    callback_required=True
    Wait Until Timer    worker-1    callback-retry
    Advance Time    1 s
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
