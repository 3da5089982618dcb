*** Settings ***
Documentation       Faults of answers: late, refused, broken and missing ones. Each test shows one fault as a client sees it.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=1
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Delay
    [Documentation]    The answer comes later.
    ${fault} =    Inject Fault    worker-1    delay    path=/v1/health    delay=150ms
    ${start} =    Get Monotonic Time
    Health Answers    200
    ${end} =    Get Monotonic Time
    Should Be Between    ${end - ${start}}    0.15    10
    Get Fault Hits    ${fault}    ==    1

Status
    [Documentation]    The answer is an error with a status and a code of the test's choice.
    ${fault} =    Inject Fault    worker-1    status    path=/v1/health    status=500    code=INTERNAL
    ${answer} =    Health Answers    500
    Should Be Equal    ${answer.json()}[error][code]    INTERNAL
    Get Fault Hits    ${fault}    ==    1

Broken Json
    [Documentation]    The status is good, the body is cut.
    ${fault} =    Inject Fault    worker-1    broken json    path=/v1/health
    ${answer} =    Health Answers    200
    Should Be Equal    ${answer.text}    {"status":"health
    Get Fault Hits    ${fault}    ==    1

Empty Body
    [Documentation]    The status is good, there is no body.
    ${fault} =    Inject Fault    worker-1    empty body    path=/v1/health
    ${answer} =    Health Answers    200
    Should Be Empty    ${answer.text}
    Get Fault Hits    ${fault}    ==    1

Wrong Version
    [Documentation]    A hive that is newer than the queen is not used.
    [Tags]    S13
    ${fault} =    Inject Fault    hive    wrong version
    ${answer} =    Submit Inference    hello    model=hf:org/new
    Get Inference Error    ${answer}    ==    VERSION_MISMATCH
    Get Fault Hits    ${fault}    >=    1

No Answer
    [Documentation]    The request is accepted, but never answered. Other requests are answered meanwhile.
    ${fault} =    Inject Fault    worker-1    no answer    path=/v1/status
    ${worker} =    Get Daemon    worker-1
    Run Keyword And Expect Error    *Read timed out*    GET    ${worker.url}/v1/status    timeout=0.2
    Health Answers    200
    Get Fault Hits    ${fault}    >=    1

No Answer Goes On When The Fault Is Cleared
    ${fault} =    Inject Fault    worker-1    no answer    path=/v1/inference
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=3
    Get Fault Hits    ${fault}    ==    1
    Get Inference State    ${answer}    ==    connecting    within=0s
    Clear Faults    worker-1
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    3

Reset Request
    [Documentation]    The connection is reset instead of an answer.
    ${fault} =    Inject Fault    worker-1    reset request    path=/v1/health
    ${worker} =    Get Daemon    worker-1
    Run Keyword And Expect Error    *Connection reset by peer*    GET    ${worker.url}/v1/health    timeout=5
    Get Fault Hits    ${fault}    ==    1

Kill On Request
    [Documentation]    The process is killed instead of answering, and its hive gets the exit status.
    [Tags]    L028
    ${fault} =    Inject Fault    worker-1    kill on request    path=/v1/inference
    ${answer} =    Submit Inference    hello    to=worker-1
    Get Inference State    ${answer}    ==    broken
    Get Exit Code    worker-1    ==    -9
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Exit On Request
    [Documentation]    The process ends with an exit code of the test's choice instead of answering.
    ${fault} =    Inject Fault    worker-1    exit on request    path=/v1/inference    status=42
    ${answer} =    Submit Inference    hello    to=worker-1
    Get Inference State    ${answer}    ==    broken
    Get Exit Code    worker-1    ==    42
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1

Refuse
    [Documentation]    The port refuses connections while the process lives. Afterwards the same port accepts again.
    ${fault} =    Inject Fault    worker-1    refuse
    ${answer} =    Submit Inference    hello    to=worker-1
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    UNREACHABLE
    Get State    worker-1    ==    unreachable
    Clear Faults    worker-1
    Get State    worker-1    ==    idle
    Get Fault Hits    ${fault}    ==    1

Refuse For A Time
    [Documentation]    The queen makes three attempts, and the third one succeeds.
    Set Time Rate    0
    ${fault} =    Inject Fault    hive    refuse    delay=500ms
    ${answer} =    Submit Inference    patience    max_tokens=3
    Wait Until Timer    queen    connect-pause
    Advance Time    600ms
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Fault Hits    ${fault}    ==    1

Fault Ends After So Many Times
    ${fault} =    Inject Fault    worker-1    status    path=/v1/health    status=503    times=2
    Health Answers    503
    Health Answers    503
    Health Answers    200
    Get Fault Hits    ${fault}    ==    2

Fault Lets The First Requests Pass
    ${fault} =    Inject Fault    worker-1    status    path=/v1/health    after_requests=2
    Health Answers    200
    Health Answers    200
    Health Answers    503
    Get Fault Hits    ${fault}    ==    1

Fault Of One Test Is Gone In The Next
    [Documentation]    The fault of the previous test was armed for a program of the same name, and acted on its third request.
    Health Answers    200
    Health Answers    200
    Health Answers    200


*** Keywords ***
Health Answers
    [Documentation]    The worker answers a health request with this status; returns the answer.
    [Arguments]    ${status}
    ${worker} =    Get Daemon    worker-1
    ${answer} =    GET    ${worker.url}/v1/health    timeout=5    expected_status=${status}
    RETURN    ${answer}
