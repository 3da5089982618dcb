*** Settings ***
Documentation       A worker that dies at token 12 of 20, and the order in which client and hive notice it.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=1
Test Teardown       Fleet Should Have Behaved    stream end

Test Tags           S39


*** Test Cases ***
Death At Token Twelve Is Told In Its Order
    [Documentation]    The worker sends twelve tokens, the client gets twelve, then the hive records a death by signal 9.
    [Tags]    EC4
    ${fault} =    Inject Fault    worker-1    kill    after_tokens=12
    ${answer} =    Submit Inference    a tale    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get Token Count    ${answer}    ==    12
    Get Exit Code    worker-1    ==    -9
    Get Worker Count    hive    ==    0
    @{records} =    Get Records    ${None}    token    fault    worker_crashed
    @{history} =    Format Each    ${records}    {name} {record}
    Length Should Be    ${history}    14
    FOR    ${token}    IN    @{history}[:12]
        Should Be Equal    ${token}    worker-1 token
    END
    Should Be Equal    ${history}[12]    worker-1 fault
    Should Be Equal    ${history}[13]    hive worker_crashed
    Should Be Equal    ${records}[13][worker_id]    worker-1
    Should Be Equal As Integers    ${records}[13][signal]    9
    Get Fault Hits    ${fault}    ==    1

Hive Stays Up And Starts Another One
    Inject Fault    worker-1    kill    after_tokens=12    times=1
    ${broken} =    Submit Inference    a tale    max_tokens=20
    Wait Until Inference Ends    ${broken}
    Get Worker Count    hive    ==    0
    ${answer} =    Submit Inference    a tale    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    20
