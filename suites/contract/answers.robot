*** Settings ***
Documentation       Answers match the contract: status, fields and their order, events, error codes.
...
...                 Fakes check every answer that they give, and a test fails if one is off the contract. In this suite
...                 the tests check answers, as they would those of real programs.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Suite Setup         Start A Fleet With A Hub
Test Teardown       Fleet Should Have Behaved    stream end


*** Test Cases ***
Answers Of All Programs Match The Contract
    FOR    ${name}    ${path}    IN
    ...    queen    /health
    ...    queen    /v2/workers/list
    ...    queen    /v2/workers/health
    ...    queen    /v2/registry/beehives/list
    ...    hive    /v1/health
    ...    hive    /v1/workers/list
    ...    hive    /v1/logs
    ...    worker-1    /v1/health
    ...    worker-1    /v1/ready
    ...    worker-1    /v1/status
    ...    worker-1    /v1/loading/progress
    ...    hub    /api/models/TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
        ${answer} =    Ask    ${name}    ${path}
        Answer Should Match Contract    ${answer}
    END

Errors Match The Contract
    ${unknown} =    Ask    queen    /v2/workers/health?node=nowhere    status=404
    Answer Should Match Contract    ${unknown}
    ${queen} =    Get Daemon    queen
    ${bad} =    POST    ${queen.url}/v2/workers/ready    data={"worker_id": 3}    timeout=5    expected_status=400
    Answer Should Match Contract    ${bad}

Stream Matches The Contract
    ${answer} =    Submit Inference    hello    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Answer Should Match Contract    ${answer}

Refusal Matches The Contract
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=5000
    Get Inference State    ${answer}    ==    refused
    Answer Should Match Contract    ${answer}

Stream Without Its End Is Off The Contract
    Inject Fault    worker-1    close    after_tokens=2
    ${answer} =    Submit Inference    hello    to=worker-1
    Get Inference State    ${answer}    ==    broken
    Run Keyword And Expect Error    *off the contract (6.5)*the stream has no ?DONE? at its end
    ...    Answer Should Match Contract    ${answer}

Cut Answer Is Off The Contract
    Inject Fault    hive    broken json    path=/v1/workers/list
    ${answer} =    Ask    hive    /v1/workers/list
    Run Keyword And Expect Error    GET /v1/workers/list 200 is off the contract (5.3)*the body is no JSON*
    ...    Answer Should Match Contract    ${answer}

Status Of Another Route Is Off The Contract
    [Documentation]    A hive never answers that all slots are busy.
    Inject Fault    hive    status    path=/v1/workers/list    status=503    code=ALL_SLOTS_BUSY
    ${answer} =    Ask    hive    /v1/workers/list    status=503
    Run Keyword And Expect Error
    ...    *error.code is ALL_SLOTS_BUSY, expected one of INVALID_REQUEST, INVALID_API_KEY
    ...    Answer Should Match Contract    ${answer}

Answer Of One Service Is Not That Of Another
    ${answer} =    Ask    worker-1    /v1/health
    Run Keyword And Expect Error    *status is "healthy", expected one of alive*
    ...    Answer Should Match Contract    ${answer}    of=hive
    ${hive} =    Get Daemon    hive
    Run Keyword And Expect Error    *status is "healthy", expected one of alive*
    ...    Answer Should Match Contract    ${answer}    of=${hive}

Fake Answers As The Contract Says And Not As A Real Program
    ${answer} =    Ask    queen    /v2/workers/health?node=nowhere    status=404
    ${fits} =    Answer Should Match Contract    ${answer}
    Should Be Equal    ${fits}    contract
    Run Keyword And Expect Error    *off the contract, findings: 1*of a real program: status 404, expected 200
    ...    Answer Should Match Contract    ${answer}    of=queen    profile=real

Program Describes Itself
    [Documentation]    Every program serves an OpenAPI description of its routes.
    FOR    ${name}    ${path}    IN
    ...    queen    /v2/tasks
    ...    hive    /v1/workers/spawn
    ...    worker-1    /v1/inference
    ...    hub    /api/models/{org}/{repo}
        ${answer} =    Ask    ${name}    /openapi.json
        Should Be Equal    ${answer.json()}[openapi]    3.1.0
        Dictionary Should Contain Key    ${answer.json()}[paths]    ${path}
    END


*** Keywords ***
Start A Fleet With A Hub
    [Documentation]    Starts one fleet for all tests, since none of them changes it.
    Start Model Hub
    Start Fleet    workers=1

Ask
    [Documentation]    Sends a GET request to a program of the fleet; returns the answer.
    [Arguments]    ${name}    ${path}    ${status}=200
    ${daemon} =    Get Daemon    ${name}
    ${answer} =    GET    ${daemon.url}${path}    timeout=5    expected_status=${status}
    RETURN    ${answer}
