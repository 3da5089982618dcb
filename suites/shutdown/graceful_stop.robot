*** Settings ***
Documentation       SIGTERM: what runs is finished, what is new is refused, children end before their parents.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
SIGTERM To The Hive Ends All Workers
    [Tags]    S49    L032
    Start Fleet    workers=3
    Terminate    hive
    FOR    ${worker}    IN    worker-1    worker-2    worker-3
        Get Exit Code    ${worker}    ==    0    within=5s
        Get Request Count    ${worker}    POST    /v1/admin/shutdown    ==    1
    END
    Get Exit Code    hive    ==    0
    Get Worker Count    queen    ==    0

Workers Are Gone Before Their Hive
    [Documentation]    The hive waits for its children: when it has ended there is no worker left, not even a busy one.
    [Tags]    S49
    Start Fleet    workers=2    token_delay=20ms
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Stop    hive
    Get State    worker-1    ==    exited    seen_by=process    within=0s
    Get State    worker-2    ==    exited    seen_by=process    within=0s

Shutdown Request To The Hive Does The Same
    [Tags]    S49
    Start Fleet    workers=2
    ${hive} =    Get Daemon    hive
    ${answer} =    POST    ${hive.url}/v1/admin/shutdown    timeout=5
    Should Be Equal As Integers    ${answer.status_code}    202
    Get Exit Code    hive    ==    0
    Get Exit Code    worker-1    ==    0
    Get Exit Code    worker-2    ==    0

SIGTERM To The Queen Takes Everything Down
    [Documentation]    The queen ends the hives that answered it, the hive ends its workers.
    [Tags]    cascade
    Start Fleet    workers=2
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Stop    queen
    Get Exit Code    queen    ==    0
    Get Exit Code    hive    ==    0
    Get Exit Code    worker-1    ==    0
    Get Exit Code    worker-2    ==    0

SIGTERM Lets A Running Stream Finish
    [Tags]    L017    L047
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=30
    Wait For Tokens    ${answer}    3
    Terminate    worker-1
    Get State    worker-1    ==    draining
    ${late} =    Submit Inference    too late    to=worker-1
    Get Inference State    ${late}    ==    refused
    Get Inference Error    ${late}    ==    WORKER_NOT_READY
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    30
    Get Exit Code    worker-1    ==    0

SIGTERM To The Hive Lets A Running Stream Finish
    [Tags]    L017
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    3
    Stop    hive
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    20

Running Stream Is Cut When The Drain Time Is Over
    [Documentation]    Thirty seconds; new requests are refused from the first of them on.
    [Tags]    L017
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    endless    to=worker-1
    Wait For Tokens    ${answer}    1
    Set Time Rate    0
    Terminate    worker-1
    Wait Until Timer    worker-1    drain
    Advance Time    29s
    Get Inference State    ${answer}    ==    streaming    within=0s
    Advance Time    1s
    Get Inference State    ${answer}    ==    broken
    Get Exit Code    worker-1    ==    0

Ctrl+C Ends A Worker Like SIGTERM
    Start Worker    hive=None
    Interrupt    worker-1
    Get Exit Code    worker-1    ==    0
    Get Output    worker-1    contains    model unloaded

Second Signal Ends The Waiting
    Start Worker    hive=None    token_delay=1 h
    ${answer} =    Submit Inference    endless    to=worker-1
    Wait For Tokens    ${answer}    1
    Terminate    worker-1
    Get State    worker-1    ==    draining
    Terminate    worker-1
    Get Exit Code    worker-1    ==    0

Worker Without A Life To Spare Ends By Itself
    Set Time Rate    0
    Start Worker    hive=None    max_lifetime=30s
    Advance Time    29s
    Get State    worker-1    ==    idle
    Advance Time    1s
    Get Exit Code    worker-1    ==    0

Deaf Worker Is Killed After Its Grace Period
    [Documentation]    A frozen worker answers neither the request within 5 s nor the signal within 10 s.
    [Tags]    L021    S49
    Start Fleet    workers=1
    Freeze    worker-1
    Set Time Rate    0
    Terminate    hive
    Wait Until Timer    hive    shutdown-ack
    Advance Time    14s
    Get State    worker-1    ==    frozen    within=0s
    Advance Time    1s
    Get Exit Code    worker-1    ==    -9
    Get Exit Code    hive    ==    0
    Get Output    hive    matches    worker worker-1 \\(pid \\d+\\) gets SIGKILL: shutdown
