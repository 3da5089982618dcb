*** Settings ***
Documentation       Programs that fail, each for another reason. Every test fails; `test_likely_causes.py` reads the causes.

Library             OperatingSystem
Resource            ../../../resources/keeper.resource


*** Test Cases ***
Apples And Pears
    Start Fleet    workers=1
    Kill    worker-1
    Get Exit Code    worker-1    ==    -9
    Should Be Equal    apples    pears

Worker Twelve Beside Worker One
    Start Fleet
    Start Worker    worker-1
    Start Worker    worker-12
    Kill    worker-12
    Get Exit Code    worker-12    ==    -9
    Get State    worker-1    ==    busy    within=0s

Frozen By An Outsider
    Start Fleet    workers=1
    ${worker} =    Get Daemon    worker-1
    Evaluate    os.kill(${worker.pid}, signal.SIGSTOP)    modules=os, signal
    Get State    worker-1    ==    frozen
    Get State    worker-1    ==    idle    within=0s

Killed By An Outsider
    Start Fleet    workers=1
    ${worker} =    Get Daemon    worker-1
    Evaluate    os.kill(${worker.pid}, signal.SIGKILL)    modules=os, signal
    Get State    worker-1    ==    killed
    Get State    worker-1    ==    idle    within=0s

Terminated By The Test
    Start Fleet    workers=1
    Terminate    worker-1
    Get Exit Code    worker-1    ==    0
    Get State    worker-1    ==    idle    within=0s

Idle For Too Long
    Start Fleet    workers=1    idle_timeout=300s
    Advance Time    6 min
    Get State    worker-1    ==    idle    within=0s

Removed For Want Of Heartbeats
    ${queen} =    Start Queen
    Start Worker    loner    hive=None    queen_url=${queen.url}    heartbeat=30s
    Get Request Count    queen    POST    /v1/workers/loner/heartbeat    >=    1    status=200
    Inject Fault    loner    lost heartbeat
    Advance Time    5 min
    Get Worker Count    queen    ==    1    within=0s

Frozen Worker Is Given Up By Its Hive
    Start Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Freeze    worker-1
    Advance Time    5 min
    Get Worker Count    hive    ==    1    within=0s

Lost Callback
    Start Fleet
    Inject Fault    worker-1    lost callback
    Start Worker
    Get State    worker-1    ==    idle    seen_by=queen    within=300ms

Exit On Request
    Start Fleet    workers=1
    Inject Fault    worker-1    exit on request    path=/v1/ready    status=4
    ${worker} =    Get Daemon    worker-1
    Run Keyword And Ignore Error    GET    ${worker.url}/v1/ready    timeout=2
    Get State    worker-1    ==    idle    within=1s

Robot Gives Up Waiting
    [Timeout]    5 s
    Start Fleet    workers=1
    Freeze    hive
    Get State    hive    ==    idle    within=1 min

Keeper Without A Queen
    ${result} =    Run Keeper    infer    --node    workstation    --model    m    --prompt    hi    --queen-url    http://127.0.0.1:9
    Should Be Equal As Integers    ${result.rc}    0

Keeper That Does Not Know The Node
    Start Fleet    workers=1
    Start Keeper    infer    --node    atlantis    --model    mock-model    --prompt    hi
    Get Exit Code    keeper    ==    0

Worker That Could Not Start
    Start Fleet
    Inject Fault    worker-1    kill at start
    Start Worker

Wrong Count Of Requests
    Start Fleet    workers=1
    Get Request Count    worker-1    POST    /v1/inference    ==    1    within=0s

Text That Is Wrong
    Start Fleet    workers=1
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Should Be Equal    ${answer.text}    something else
