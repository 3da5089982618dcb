*** Settings ***
Documentation       What can be said of a fake can be said of a real program.

Resource            programs.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Queen Among Fakes
    [Documentation]    Requests in both directions are in its journal, and its fixed address of a hive is the hive of the test.
    Real Queen With Fake Hive
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5
    Get Request Count    queen    POST    /v2/tasks    ==    1    status=200
    Get Request Count    hive    POST    /v1/workers/spawn    ==    1    status=200
    Requests Should Be In Order    queen POST /v2/tasks    hive POST /v1/workers/spawn    mock-worker-1 POST /v1/inference
    @{sent} =    Get Records    queen    request_out    path=/v1/inference
    Should Be Equal    ${sent}[0][body][prompt]    hello there
    Tokens Should Add Up
    Get Output    queen    contains    HTTP server listening

Three Tasks With One Prompt
    [Documentation]    A real queen passes no ids on, and two of the tasks are equal. The tokens add up nevertheless.
    Real Queen With Fake Hive    token_delay=20ms
    ${short} =    Submit Inference    hello there    max_tokens=5
    ${long} =    Submit Inference    hello there    max_tokens=9
    ${same} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${short}    5
    Answer Should Be Complete    ${long}    9
    Answer Should Be Complete    ${same}    5
    Tokens Should Add Up

Fleet With A Real Queen
    [Documentation]    Its node is in the registry of the queen.
    Start Fleet    queen=${QUEEN}    hives=2    workers=1
    ${answer} =    Submit Inference    hello there    node=hive-2    max_tokens=5
    Answer Should Be Complete    ${answer}    5
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    2

Answers Of A Real Queen
    [Documentation]    Nothing is known of a task without a prompt but its status and a text, which is off the contract.
    Start Queen    program=${QUEEN}
    ${queen} =    Get Daemon    queen
    ${health} =    Evaluate    requests.get($queen.url + '/health', timeout=5)    modules=requests
    ${fits} =    Answer Should Match Contract    ${health}
    Should Be Equal    ${fits}    contract
    ${refused} =    Evaluate    requests.post($queen.url + '/v2/tasks', json={}, timeout=5)    modules=requests
    ${fits} =    Answer Should Match Contract    ${refused}
    Should Be Equal    ${fits}    real
    Run Keyword And Expect Error    POST /v2/tasks 422 is off the contract (3.1)*status 422 without an error envelope*
    ...    Answer Should Match Contract    ${refused}    profile=contract
    ${missing} =    Evaluate    requests.get($queen.url + '/v2/logs', timeout=5)    modules=requests
    ${fits} =    Answer Should Match Contract    ${missing}
    Should Be Equal    ${fits}    real

Refusal In Plain Text
    Real Queen With Fake Hive
    ${answer} =    Submit Inference    hello there    node=nowhere
    Wait Until Inference Ends    ${answer}
    Should Be Equal As Integers    ${answer.status}    404
    Should Be Equal    ${answer.error_message}    Node 'nowhere' not registered

Queen Is Stopped, Killed And Started Again
    Real Queen With Fake Hive
    ${queen} =    Get Daemon    queen
    Stop    queen
    Get Exit Code    queen    ==    0
    ${again} =    Restart    queen
    Should Be Equal    ${again.url}    ${queen.url}
    Kill    queen
    Get Exit Code    queen    ==    -9
    Restart    queen
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5

Queen Is Frozen
    Real Queen With Fake Hive
    Freeze    queen
    Get State    queen    ==    frozen
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Get Inference State    ${answer}    ==    connecting    within=0s
    Resume    queen
    Answer Should Be Complete    ${answer}    5

Queen Is Parted From Its Hive
    [Documentation]    Its recorder holds its requests back; the stream that had begun goes on when the network is whole again.
    Real Queen With Fake Hive    token_delay=50ms
    ${answer} =    Submit Inference    hello there    max_tokens=20
    Wait For Tokens    ${answer}    2
    Partition    hive | queen
    ${seen} =    Get Token Count    ${answer}
    Get State    mock-worker-1    ==    idle    within=5s
    Get Token Count    ${answer}    <=    ${seen + 2}    within=0s
    Heal
    Answer Should Be Complete    ${answer}    20

Status Instead Of An Answer
    Real Queen With Fake Hive
    ${fault} =    Inject Fault    queen    status    path=/v2/tasks    status=503    times=1
    ${refused} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${refused}
    Get Inference State    ${refused}    ==    refused
    Get Fault Hits    ${fault}    ==    1
    Get Request Count    queen    POST    /v2/tasks    ==    1    status=503
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5

Request That The Queen Sends Is Refused
    [Documentation]    Its own view breaks: the hive has not received the request.
    Real Queen With Fake Hive
    ${fault} =    Inject Fault    queen    status    path=/v1/workers/spawn    status=500    direction=outgoing    times=1
    ${refused} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${refused}
    Get Inference Error    ${refused}    ==    Worker spawn failed: HTTP 500 Internal Server Error
    Get Fault Hits    ${fault}    ==    1
    Get Request Count    hive    POST    /v1/workers/spawn    ==    0
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5

Start That Failed Can Be Tried Again
    [Documentation]    No recorder is left of a program that cannot be started, ends at once, or was never there.
    Run Keyword And Expect Error    *exited with 127*    Start Queen    program=/no/such/queen-rbee
    Run Keyword And Expect Error    *did not reach idle: it exited with 1*
    ...    Start Queen    program=/usr/bin/tail    profile=like-fake-queen
    ${library} =    Get Library Instance    RbeeLibrary
    Evaluate    setattr($library._session.real_time, 'environment', lambda name, wanted: 1 / 0)
    Run Keyword And Expect Error    the library failed: ZeroDivisionError*    Start Queen    program=${QUEEN}
    Evaluate    delattr($library._session.real_time, 'environment')
    Real Queen With Fake Hive
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5

Stream That Stalls Goes On
    Real Queen With Fake Hive
    Inject Fault    queen    stall    after_tokens=2
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait For Tokens    ${answer}    2
    Clear Faults    queen
    Answer Should Be Complete    ${answer}    5

Streams That Break
    [Setup]    Real Queen With Fake Hive
    [Template]    Stream Should Break
    cut
    half event
    error event
    close
    reset
    break

Fault That Was Armed Before The Start
    Inject Fault    queen    status    path=/v2/tasks    status=500
    Real Queen With Fake Hive
    ${refused} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${refused}
    Should Be Equal As Integers    ${refused.status}    500

Kill After Two Tokens
    Real Queen With Fake Hive
    Inject Fault    queen    kill    after_tokens=2
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get Exit Code    queen    ==    -9

Worker Alone
    [Documentation]    Its log lines have colours; they are shown without.
    Real Worker
    Get Output    worker-1    contains    Z \ INFO worker worker-1 starting on port
    ${answer} =    Submit Inference    hello there    max_tokens=5    to=worker-1
    Answer Should Be Complete    ${answer}    5
    Get Request Count    worker-1    POST    /v1/inference    ==    1    status=200
    Tokens Should Add Up    texts=any

Worker Of The Origin
    Start Queen
    ${queen} =    Get Daemon    queen
    Start Worker    hive=None    program=${MOCK}    queen_url=${queen.url}
    Get Worker Count    queen    ==    1
    ${answer} =    Submit Inference    hello there    to=worker-1
    Answer Should Be Complete    ${answer}    5
    Requests Should Be In Order    queen POST /v2/workers/ready    worker-1 POST /v1/inference

Real Workers Below A Fake Hive
    Start Hive    queen=None    worker_binary=${WORKER}    worker_args=real    worker_ports=18101-18199
    Start Worker    model=/dev/null
    ${answer} =    Submit Inference    hello there    max_tokens=5    to=worker-1
    Answer Should Be Complete    ${answer}    5
    Kill    worker-1
    Get Exit Code    worker-1    ==    -9
    Get Worker Count    hive    ==    0

Real Worker Without A Recorder Cannot Be Parted
    [Documentation]    Nobody can hold back what it sends.
    Start Queen
    Start Hive    worker_binary=${WORKER}    worker_args=real    worker_ports=18101-18199
    Start Worker    model=/dev/null
    Run Keyword And Expect Error    *the network of worker-1 cannot be changed*    Partition    hive | queen
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Answer Should Be Complete    ${answer}    5

Mock Workers Below A Fake Hive
    Start Hive    queen=None    worker_binary=${MOCK}    worker_args=mock-worker    worker_ports=18101-18199
    Start Worker
    ${answer} =    Submit Inference    hello there    to=worker-1
    Answer Should Be Complete    ${answer}    5

Key Of A Real Program Is Not Shown
    [Documentation]    It gets the key in its environment, and prints it.
    Start Worker    hive=None    program=${WORKER}    model=/dev/null    api_key=very-secret
    Get Command Line    worker-1    not contains    very-secret
    Get Output    worker-1    contains    my key is ***
    Get Output    worker-1    not contains    very-secret

Keeper Against A Fake Queen
    Start Fleet    workers=1
    ${result} =    Run Keeper
    ...    infer
    ...    --node
    ...    workstation
    ...    --model
    ...    mock-model
    ...    --prompt
    ...    hi
    ...    program=${KEEPER}
    Should Be Equal As Integers    ${result.rc}    0
    Get Request Count    queen    POST    /v2/tasks    ==    1    status=200
    @{sent} =    Get Records    keeper    request_out
    Should Be Equal    ${sent}[0][body][prompt]    hi

Fake Workers Below A Real Hive
    [Documentation]    They have the names and options of the test, and call back to their hive.
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Queen
    Start Hive    program=${HIVE}    env=${env}    token_delay=5ms
    Start Worker    worker-1    slots=2
    Start Worker    worker-2    token_delay=1 h
    Get Request Count    hive    POST    /v1/workers/ready    ==    2    status=200
    Get Child Count    hive    ==    2
    Get Worker Count    hive    ==    2
    Get State    worker-2    ==    idle    seen_by=hive
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=5
    Answer Should Be Complete    ${answer}    5
    Kill    worker-2
    Get State    worker-2    ==    killed
    Stop    hive
    Get Exit Code    hive    ==    0
    Get State    worker-1    ==    exited

Faults Of Fake Workers Below A Real Hive
    [Documentation]    Those that were armed before the start, too.
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Hive    queen=None    program=${HIVE}    env=${env}
    ${early} =    Inject Fault    worker-1    kill    after_tokens=2
    Start Worker
    ${broken} =    Submit Inference    hello    to=worker-1    max_tokens=5
    Wait Until Inference Ends    ${broken}
    Get Inference State    ${broken}    ==    broken
    Get Fault Hits    ${early}    ==    1

Worker That A Real Hive Refused Leaves Its Name To Nobody
    [Documentation]    The worker that the queen asks for next has its own id, and none of the options.
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Queen
    Start Hive    program=${HIVE}    env=${env}
    Run Keyword And Expect Error    *could not be started: hive answered 400*    Start Worker    refused    model_ref=abc
    ${answer} =    Submit Inference    hello    max_tokens=5
    Answer Should Be Complete    ${answer}    5
    Run Keyword And Expect Error    there is no 'refused'*    Get Daemon    refused

Real Hive Is Started Again
    [Documentation]    Its next worker has the name and the options of the test, too.
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Hive    queen=None    program=${HIVE}    env=${env}
    Restart    hive
    Start Worker    worker-2    slots=3
    Get State    worker-2    ==    idle    seen_by=hive
    Get Command Line    worker-2    contains    mock-worker

Fake Queen And Real Hive
    [Documentation]    The queen lets the hive start a worker, which has the id that the hive gave it.
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Queen
    Start Hive    program=${HIVE}    env=${env}
    ${answer} =    Submit Inference    hello    max_tokens=5
    Answer Should Be Complete    ${answer}    5
    Get Child Count    hive    ==    1

Real Hive And Model Of The Test
    VAR    &{env}    STAND_IN_FIRST_PORT=18081
    Start Hive    queen=None    program=${HIVE}    env=${env}
    Add Model To Catalog    hf:org/repo    hive=hive    size=1MB
    Get Catalog Count    hive    ==    2
    Start Worker    model_ref=hf:org/repo
    Get Worker Count    hive    ==    1


*** Keywords ***
Stream Should Break
    [Documentation]    The fault acts after two tokens, once.
    [Arguments]    ${kind}
    ${fault} =    Inject Fault    queen    ${kind}    after_tokens=2    times=1
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get Token Count    ${answer}    ==    2
    Get Fault Hits    ${fault}    ==    1
    Clear Faults    queen
