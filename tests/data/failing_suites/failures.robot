*** Settings ***
Documentation       Every test here fails on purpose. `test_failure_messages.py` runs them and looks at messages and log.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Wrong State
    Start Queen
    Get State    queen    ==    busy    within=50ms

Worker That Ends While A State Is Waited For
    Start Worker    hive=None    max_lifetime=200ms
    Get State    worker-1    ==    busy    within=30s

Program That Dies While Starting
    Start Worker    hive=None    answers=/no/such/file.json    timeout=30s

Port That Is Taken
    ${port} =    Occupy Port
    Start Queen    port=${port}

Too Few Tokens
    Start Worker    hive=None    answer=only three words
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait For Tokens    ${answer}    20

Wrong Token Count
    Start Worker    hive=None
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    4    within=50ms

Unknown Name
    Start Queen
    Get State    quen    ==    idle

Message Of The User
    Start Queen
    Get State    queen    ==    busy    within=0s    message=it was {value}, not {expected}

Living Program Has No Exit Code
    Start Queen
    Get Exit Code    queen    ==    0    within=50ms

Frozen Program Cannot Be Stopped Twice
    Start Queen
    Stop    queen
    Kill    queen

Failure That Is Caught Shows No Evidence
    Start Queen
    Run Keyword And Expect Error    *    Get State    queen    ==    busy    within=0s
    Fail    something else

Failure Shows The Fleet
    Start Fleet    workers=1
    Kill    worker-1
    Get State    worker-1    ==    idle    within=1s

Order That Did Not Happen
    Start Fleet    workers=1
    Requests Should Be In Order    hive POST /v1/workers/spawn    worker-1 POST /v1/inference    within=50ms

Order That Was The Other Way Round
    Start Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1
    Requests Should Be In Order    hive POST /v1/workers/ready    hive POST /v1/workers/spawn    within=50ms

Request At Another Program
    Start Fleet    workers=2
    ${answer} =    Submit Inference    hello    to=worker-2
    Wait Until Inference Ends    ${answer}
    Get Request Count    worker-1    POST    /v1/inference    ==    1    within=50ms

Timer That Nobody Waits For
    Start Queen
    Wait Until Timer    queen    busy-retry    within=50ms

Time That Goes Back
    Start Queen
    Advance Time    -1 s

Rate That Cannot Be
    Set Time Rate    -1

Load That Is Counted
    Start Worker    hive=None
    Keep Submitting    every=1s    to=worker-1
    Get Load Statistic    requests    ==    1000    within=50ms

Load Of The Test Before
    Start Worker    hive=None
    Get Load Statistic    requests

Load That Is None Of Locust
    Start Worker    hive=None
    Keep Submitting    every=1s    to=worker-1
    Stop Load

Load Without A Rate
    Start Worker    hive=None
    Start Load    to=worker-1    rate=0/s

Partition Of One Group
    Start Queen
    Partition    queen

Partition With A Program On Both Sides
    Start Fleet    workers=1
    Partition    hive | queen, worker-1 | hive

Partition Of Somebody Unknown
    Start Queen
    Partition    queen | hive-7

Partition Of A Frozen Program
    Start Fleet
    Freeze    hive
    Partition    hive | queen

Partition Of A Line
    Start Fleet
    Start Relay    line    to=hive
    Partition    line | queen

Parted Programs
    Start Fleet    workers=1
    Partition    hive | queen
    ${answer} =    Submit Inference    hello
    Advance Time    1 min
    Get Inference State    ${answer}    ==    done
