*** Settings ***
Documentation       Faults before a real worker, which tells no state: two cells of the table.

Library             RequestsLibrary
Library             RbeeLibrary


*** Test Cases ***
Delay While Idle
    ${worker} =    Start Real Worker
    ${fault} =    Inject Fault    worker-1    delay    delay=10ms
    GET    ${worker.url}/health    timeout=5
    Get Fault Hits    ${fault}    ==    1

Delay While Busy
    ${worker} =    Start Real Worker
    Inject Fault    worker-1    stall    after_tokens=1    delay=1h
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=4
    Wait For Tokens    ${answer}    1
    ${fault} =    Inject Fault    worker-1    delay    delay=10ms
    GET    ${worker.url}/health    timeout=5
    Get Fault Hits    ${fault}    ==    1


*** Keywords ***
Start Real Worker
    [Documentation]    Starts the stand-in of a real worker; returns it.
    VAR    ${program}    ${CURDIR}/../real/llm-worker-rbee
    ${worker} =    Start Worker    program=${program}    hive=None    model=/dev/null
    RETURN    ${worker}
