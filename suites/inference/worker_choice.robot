*** Settings ***
Documentation       How the queen chooses a worker: it reads the hive's list first, and the list decides about the next request.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    hives=1
Test Teardown       Fleet Should Have Behaved


*** Variables ***
${MODEL}    hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF


*** Test Cases ***
Task That Failed Does Not Spoil The Next One
    [Documentation]    The hive refuses once; it is asked again for the next task.
    Inject Fault    hive    status    path=/v1/workers/spawn    status=500    times=1
    ${failed} =    Submit Inference    cold start
    Wait Until Inference Ends    ${failed}
    Get Inference State    ${failed}    ==    refused
    ${answer} =    Submit Inference    cold start
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Empty Worker List Leads To Preflight
    [Documentation]    After an empty list the queen requests the hive's health, then starts a worker for the model.
    [Tags]    S09
    ${answer} =    Submit Inference    cold start    model=${MODEL}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    20
    @{requests} =    Get Client Requests    hive
    VAR    @{expected}    GET /v1/workers/list    GET /v1/health
    Should Be Equal    ${requests}[:2]    ${expected}
    Get Worker Count    hive    ==    1    model=${MODEL}

Idle Worker For The Model Is Used At Once
    [Tags]    S10    S08
    Start Worker    worker-abc123    model_ref=${MODEL}
    Set Time Rate    0
    ${answer} =    Submit Inference    warm start    model=${MODEL}
    Advance Time    5 s
    Get Inference State    ${answer}    ==    done    within=0s
    Get Token Count    ${answer}    ==    20
    Should Be Equal    ${answer.headers}[x-worker-id]    worker-abc123
    @{requests} =    Get Client Requests    hive
    VAR    @{expected}    POST /v1/workers/spawn    GET /v1/workers/list
    Should Be Equal    ${requests}    ${expected}
    Get Child Count    hive    ==    1

Busy Worker For The Model Is Still Asked
    [Tags]    S11
    Start Worker    worker-1    model_ref=${MODEL}    token_delay=1 h
    ${long} =    Submit Inference    long    to=worker-1
    Wait For Tokens    ${long}    1
    ${answer} =    Submit Inference    queue up    model=${MODEL}
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    ALL_SLOTS_BUSY
    Should Be Equal As Integers    ${answer.status}    503
    Get Request Count    worker-1    POST    /v1/inference    ==    2
    Get Request Count    hive    POST    /v1/workers/spawn    ==    1

Refusal Of A Busy Worker Is The Answer
    [Documentation]    Only a worker that takes no requests any more is exchanged for another one, not one that is busy.
    Start Worker    worker-1    model_ref=${MODEL}
    Start Worker    worker-2    model_ref=${MODEL}
    Inject Fault    worker-1    status    path=/v1/inference    status=503    code=ALL_SLOTS_BUSY    times=1
    ${answer} =    Submit Inference    who is free    model=${MODEL}
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    ALL_SLOTS_BUSY
    Get Request Count    worker-2    POST    /v1/inference    ==    0

Worker With Another Model Is Not Used
    [Tags]    S09
    Start Worker    worker-1    model_ref=hf:org/other
    ${answer} =    Submit Inference    which one    model=${MODEL}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Request Count    worker-1    POST    /v1/inference    ==    0
    Get Worker Count    hive    ==    2

Task For An Unknown Node Is Refused
    [Tags]    S06
    ${answer} =    Submit Inference    nowhere    node=atlantis
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    NODE_NOT_FOUND
    Get Request Count    hive    ${None}    ${None}    ==    0

Hive Of Another Version Is Not Used
    [Tags]    S13
    Restart With Version    0.2.0
    ${answer} =    Submit Inference    mismatch    model=${MODEL}
    Get Inference Error    ${answer}    ==    VERSION_MISMATCH
    VAR    &{versions}    keeper_version=0.1.0    hive_version=0.2.0
    Dictionaries Should Be Equal    ${answer.error}[details]    ${versions}
    Get Request Count    hive    POST    /v1/workers/spawn    ==    0


*** Keywords ***
Get Client Requests
    [Documentation]    Returns method and path of the requests that a program received, without the callbacks of workers.
    [Arguments]    ${name}
    VAR    @{lines}    @{EMPTY}
    @{requests} =    Get Requests    ${name}
    FOR    ${request}    IN    @{requests}
        IF    $request.caller.startswith("fake-worker")    CONTINUE
        VAR    @{lines}    @{lines}    ${request.method} ${request.path}
    END
    RETURN    ${lines}

Restart With Version
    [Documentation]    Stops the hive and starts one that reports another version.
    [Arguments]    ${version}
    Stop    hive
    Start Hive    report_version=${version}
