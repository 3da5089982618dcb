*** Settings ***
Documentation       Ten different breakages. Every test fails, and its log must name the cause; `test_likely_causes.py` reads it.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Killed By A Fault
    Start Fleet    workers=1
    Inject Fault    worker-1    kill    after_tokens=12
    ${answer} =    Submit Inference    a tale    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done    within=0s

Killed By The Test
    Start Fleet    workers=1
    Kill    worker-1
    Get State    worker-1    ==    idle

Exit While Loading
    Start Fleet
    Inject Fault    worker-1    exit    layer=8    status=3
    Set Time Rate    0
    Start Worker    load_time=32s    until=loading
    Advance Time    10 s
    Get State    worker-1    ==    loading

Frozen Hive
    Start Fleet    workers=1
    Freeze    hive
    Get State    hive    ==    idle    within=0s

Error Of A Fault
    Start Fleet    workers=1
    Inject Fault    queen    status    path=/v2/tasks
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done    within=0s

Busy Worker
    Start Fleet    workers=1    token_delay=1s
    ${first} =    Submit Inference    hello    to=worker-1
    Wait For Tokens    ${first}
    ${second} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${second}
    Get Inference State    ${second}    ==    done    within=0s

Worker That Ignored Its Shutdown
    Start Fleet    workers=1
    Inject Fault    worker-1    ignore shutdown
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-drain
    Advance Time    30 s
    Get Exit Code    worker-1    ==    0    within=1s

Callback That Nobody Took
    ${port} =    Occupy Port    mode=refuse
    Start Queen
    Start Worker    hive=None    queen_url=http://127.0.0.1:${port}
    Advance Time    10 s
    Get Worker Count    queen    ==    1    within=0s

Hub That Broke Off
    Start Model Hub
    Start Fleet    download_attempts=1
    Inject Fault    hub    cut    after_bytes=1048576
    ${answer} =    Submit Inference    hello    model=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
    Wait Until Inference Ends    ${answer}
    Get Catalog Count    hive    ==    1    within=0s

Hive Of Another Version
    Start Queen
    Start Hive    report_version=0.2.0
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done    within=0s
