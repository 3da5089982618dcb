*** Settings ***
Documentation       A walk through rbee as a user does it in two terminals, on rbee's own ports.
...
...                 All other suites let the system pick ports. This one holds a machine-wide lock, so that two runs
...                 of it do not collide.

Library             String
Library             RequestsLibrary
Library             ../resources/machine_lock.py
Library             ../resources/process_table.py
Resource            ../resources/rbee.resource

Test Tags           quickstart
Suite Setup         Acquire Machine Lock    rbee-fixed-ports
Suite Teardown      Release Machine Lock
Test Teardown       Fleet Should Have Behaved


*** Variables ***
${WORKER_URL}    http://localhost:8001
${HIVE_URL}      http://127.0.0.1:9200


*** Test Cases ***
Worker By Hand Is Healthy
    [Documentation]    `mock-worker --port 8001 --worker-id test --queen-url http://localhost:8080`, with nothing
    ...    listening on 8080.
    Start A Worker By Hand
    ${answer} =    GET    ${WORKER_URL}/v1/health    timeout=5
    Should Be Equal    ${answer.text}    {"status":"healthy","state":"idle"}
    Get Command Line    test    contains    mock-worker --port 8001

Worker By Hand Streams Its Tokens
    [Documentation]    The request carries no JSON content type, as `curl -d` sends it.
    [Tags]    S34
    Start A Worker By Hand
    ${answer} =    POST    ${WORKER_URL}/v1/inference    data={"prompt":"test"}    timeout=5
    Should Be Equal    ${answer.headers}[Content-Type]    text/event-stream
    Should Be Equal    ${answer.request.headers.get('Content-Type')}    ${None}
    VAR    ${expected}
    ...    data: {"t":"Once"}
    ...    data: {"t":" upon"}
    ...    data: {"t":" a"}
    ...    data: {"t":" time"}
    ...    data: {"t":"..."}
    ...    data: [DONE]
    ...    separator=\n
    ${lines} =    Get Lines Matching Regexp    ${answer.text}    .+
    Should Be Equal    ${lines}    ${expected}

Hive Spawns A Worker
    [Documentation]    The exact answer to an empty request.
    [Tags]    S27
    Start Hive    port=9200    worker_ports=8001-8099
    ${answer} =    POST    ${HIVE_URL}/v1/workers/spawn    data={}    timeout=10
    Should Be Equal    ${answer.text}    {"worker_id":"mock-worker-8001","url":"http://127.0.0.1:8001","state":"loading"}

Spawned Worker Is A Child Of The Hive
    [Tags]    L018
    Start Hive    port=9200    worker_ports=8001-8099
    POST    ${HIVE_URL}/v1/workers/spawn    data={}    timeout=10
    Get Command Line    mock-worker-8001    contains    mock-worker
    Get Child Count    hive    ==    1    recursive=False
    ${answer} =    GET    ${HIVE_URL}/v1/workers/list    timeout=5
    ${parent} =    Get Parent Command Line    ${answer.json()}[workers][0][pid]
    ${hive} =    Get Command Line    hive
    Should Be Equal    ${parent}    ${hive}

Hive Lists The Worker As Idle
    [Tags]    S28
    Start Hive    port=9200    worker_ports=8001-8099
    POST    ${HIVE_URL}/v1/workers/spawn    data={}    timeout=10
    Get State    mock-worker-8001    ==    idle    seen_by=hive
    ${answer} =    GET    ${HIVE_URL}/v1/workers/list    timeout=5
    Should Start With
    ...    ${answer.text}
    ...    {"workers":[{"worker_id":"mock-worker-8001","url":"http://127.0.0.1:8001","state":"idle",

Worker Asked For By Name And Port Gets Both
    [Documentation]    A binary with another name is not there, so the hive says so instead of starting its usual one.
    Start Hive    port=9200    worker_ports=8001-8099
    ${answer} =    POST    ${HIVE_URL}/v1/workers/spawn    data={"binary":"llm-worker-rbee","port":8017}    timeout=10
    Should Be Equal    ${answer.json()}[url]    http://127.0.0.1:8017
    Get Command Line    mock-worker-8017    contains    --port 8017
    ${other} =    POST    ${HIVE_URL}/v1/workers/spawn    data={"binary":"llm-worker-of-tomorrow"}    timeout=10
    ...    expected_status=any
    Should Be Equal    ${other.json()}[error][code]    WORKER_BINARY_NOT_FOUND
    Should Contain    ${other.json()}[error][message]    llm-worker-of-tomorrow


*** Keywords ***
Start A Worker By Hand
    [Documentation]    Runs the command of the walk-through. Nothing listens on 8080.
    Start Worker    test    hive=None    port=8001    queen_url=http://localhost:8080
