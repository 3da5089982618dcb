*** Settings ***
Documentation       Time of real programs. These tests need libfaketime.

Resource            programs.resource


*** Test Cases ***
Five Minutes Pass Exactly
    [Documentation]    A real queen polls every 2 s and gives up after 300 s: not at 299 s, but at 300 s.
    Real Queen With Fake Hive    load_time=2 h
    Set Time Rate    0
    ${answer} =    Submit Inference    hello there    max_tokens=5    timeout=60s
    Get Request Count    hive    POST    /v1/workers/spawn    ==    1
    Get Request Count    mock-worker-1    GET    /v1/ready    ==    1
    Advance Time    10 s
    Get Request Count    mock-worker-1    GET    /v1/ready    ==    6    within=0s
    Advance Time    289 s
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    1 s
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    contains    timeout after 5 minutes

Minute Takes Three Seconds
    Real Queen With Fake Hive    load_time=1 min
    Set Time Rate    20
    ${answer} =    Submit Inference    hello there    max_tokens=5    timeout=60s
    Answer Should Be Complete    ${answer}    5

Timers Of A Real Program Cannot Be Seen
    Real Queen With Fake Hive
    Run Keyword And Expect Error    queen is a real program: its timers cannot be seen*    Wait Until Timer    queen    sweep
