*** Settings ***
Documentation       With an API key configured, every route except health and ready requires it.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=1    api_key=right-key
Test Teardown       Fleet Should Have Behaved


*** Variables ***
&{RIGHT_KEY}        Authorization=Bearer right-key
&{WRONG_KEY}        Authorization=Bearer wrong_key


*** Test Cases ***
Wrong Key Is Refused
    [Tags]    S44
    FOR    ${name}    ${path}    IN
    ...    queen    /v2/workers/list
    ...    hive    /v1/workers/list
    ...    worker-1    /v1/status
        ${daemon} =    Get Daemon    ${name}
        ${wrong} =    GET    ${daemon.url}${path}    headers=${WRONG_KEY}    timeout=5    expected_status=401
        Should Be Equal    ${wrong.json()}[error][code]    INVALID_API_KEY
        ${missing} =    GET    ${daemon.url}${path}    timeout=5    expected_status=401
        Should Be Equal    ${missing.json()}[error][code]    INVALID_API_KEY
        GET    ${daemon.url}${path}    headers=${RIGHT_KEY}    timeout=5
    END

Nearly Right Key Is Refused
    [Documentation]    Capital letters matter, and so does every character.
    [Tags]    S44
    ${worker} =    Get Daemon    worker-1
    FOR    ${key}    IN    RIGHT-KEY    Right-Key    right-ke    right-keys    right-key-2
        VAR    &{headers}    Authorization=Bearer ${key}
        GET    ${worker.url}/v1/status    headers=${headers}    timeout=5    expected_status=401    msg=key ${key}
    END
    VAR    &{basic}    Authorization=Basic right-key
    GET    ${worker.url}/v1/status    headers=${basic}    timeout=5    expected_status=401

Wrong Key Starts No Worker
    [Tags]    S44
    ${hive} =    Get Daemon    hive
    POST    ${hive.url}/v1/workers/spawn    data={}    headers=${WRONG_KEY}    timeout=5    expected_status=401
    Get Child Count    hive    ==    1

Inference With A Wrong Key Is Refused
    [Tags]    S44
    ${answer} =    Submit Inference    let me in    to=worker-1    api_key=wrong_key
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    ==    INVALID_API_KEY

Key Opens The Whole Way Through The Queen
    [Tags]    S44
    ${answer} =    Submit Inference    let me in    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    3

Health Needs No Key
    FOR    ${name}    IN    queen    hive    worker-1
        ${daemon} =    Get Daemon    ${name}
        GET    ${daemon.url}/v1/health    timeout=5
    END

Key Is Shown Nowhere
    [Tags]    U20
    FOR    ${name}    IN    queen    hive    worker-1
        Get Command Line    ${name}    not contains    right-key
        Get Output    ${name}    not contains    right-key
    END
    Get Command Line    worker-1    contains    --api-key ***

Rotated Key Is Asked For At Once
    [Documentation]    The old key gets 401. A stream that began with it goes on to its end.
    [Tags]    U05
    Start Worker    worker-2    hive=None    api_key=old-key-1    token_delay=20ms
    ${answer} =    Submit Inference    began with the old key    to=worker-2    max_tokens=20
    Wait For Tokens    ${answer}    1
    Rotate Api Key    worker-2    new-key-2
    ${refused} =    Submit Inference    came with the old key    to=worker-2    api_key=old-key-1
    Wait Until Inference Ends    ${refused}
    Get Inference Error    ${refused}    ==    INVALID_API_KEY
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    20
    ${next} =    Submit Inference    comes with the new key    to=worker-2    max_tokens=2
    Wait Until Inference Ends    ${next}
    Get Inference State    ${next}    ==    done

Rotated Key Opens The Whole Way
    [Documentation]    Queen, hive and worker get the new key one after the other. Then a task passes all of them.
    FOR    ${name}    IN    worker-1    hive    queen
        Rotate Api Key    ${name}    new-key-2
    END
    ${answer} =    Submit Inference    with the new key
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    ${refused} =    Submit Inference    with the old key    api_key=right-key
    Wait Until Inference Ends    ${refused}
    Get Inference Error    ${refused}    ==    INVALID_API_KEY
