*** Settings ***
Documentation       Tokens arrive one by one, as many as requested, and the worker is busy meanwhile.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Twenty Tokens Are Streamed One By One
    [Tags]    S34
    Start Worker    hive=None    token_delay=20ms
    Set Time Rate    0
    ${answer} =    Submit Inference    write a haiku    to=worker-1    max_tokens=20
    Wait For Tokens    ${answer}    1
    Get State    worker-1    ==    busy    within=0s
    Each Step Of Time Should Bring A Token    ${answer}    until=20
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get State    worker-1    ==    idle

Without A Number Five Tokens Come
    [Tags]    S34
    Start Worker    hive=None
    ${answer} =    Submit Inference    test    to=worker-1    max_tokens=None
    Wait Until Inference Ends    ${answer}
    Get Inference Text    ${answer}    ==    Once upon a time...
    Get Token Count    ${answer}    ==    5

Same Prompt And Seed Give The Same Text
    [Tags]    S34
    Start Worker    hive=None    slots=3
    ${first} =    Submit Inference    test    to=worker-1    max_tokens=5    seed=42
    ${second} =    Submit Inference    test    to=worker-1    max_tokens=5    seed=42
    ${other} =    Submit Inference    test    to=worker-1    max_tokens=5    seed=43
    Wait Until Inference Ends    ${first}
    Wait Until Inference Ends    ${second}
    Wait Until Inference Ends    ${other}
    Get Inference Text    ${first}    ==    from told slow morning token
    Get Inference Text    ${second}    ==    from told slow morning token
    Get Inference Text    ${other}    !=    from told slow morning token

Indexed Shape Counts Its Tokens
    [Tags]    S34
    Start Worker    hive=None    event_shape=indexed
    ${answer} =    Submit Inference    count    to=worker-1    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Length Should Be    ${answer.events}    21
    FOR    ${index}    ${event}    IN ENUMERATE    @{answer.events}[:20]
        Should Be Equal    ${event}[index]    ${index}
    END
    Should Be Equal    ${answer.events}[20][done]    ${True}
    Should Be Equal    ${answer.events}[20][total_tokens]    ${20}
    Get Token Count    ${answer}    ==    20

Typed Shape Begins And Ends With An Event
    [Tags]    S34
    Start Worker    hive=None    event_shape=typed
    ${answer} =    Submit Inference    story    to=worker-1    max_tokens=3    request_id=req-typed
    Wait Until Inference Ends    ${answer}
    VAR    ${events}    ${answer.events}
    @{types} =    Get Field Of Each    ${events}    type
    VAR    @{expected}    narration    started    token    token    token    end
    Should Be Equal    ${types}    ${expected}
    Should Be Equal    ${events}[0][job_id]    req-typed
    Should Be Equal    ${events}[-1][tokens_out]    ${3}
    Should Be Equal    ${events}[-1][stop_reason]    MAX_TOKENS    msg=${events}[-1]

First Token May Take Longer
    [Documentation]    Status and id arrive at once, the first token after the delay, and not later.
    [Tags]    S34
    Start Worker    hive=None    first_token_delay=4s
    Set Time Rate    0
    ${answer} =    Submit Inference    think    to=worker-1    max_tokens=2
    Get Inference State    ${answer}    ==    streaming
    Advance Time    3999 ms
    Get Token Count    ${answer}    ==    0    within=0s
    Advance Time    1 ms
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    2    within=0s

Worker Says What It Was Told To Say
    Start Worker    hive=None    answer=the bees are fine
    Set Answer    worker-1    all quiet    prompt=how is the hive\\?
    ${general} =    Submit Inference    hello    to=worker-1    max_tokens=None
    Wait Until Inference Ends    ${general}
    ${special} =    Submit Inference    how is the hive?    to=worker-1    max_tokens=None
    Wait Until Inference Ends    ${special}
    Get Inference Text    ${general}    ==    the bees are fine
    Get Inference Text    ${special}    ==    all quiet

Tokens Come Through The Queen One By One
    [Tags]    S34    S08
    Start Fleet    workers=1    token_delay=20ms
    Set Time Rate    0
    ${answer} =    Submit Inference    relay    max_tokens=10
    Wait For Tokens    ${answer}    1
    Get State    worker-1    ==    busy    within=0s
    Get State    worker-1    ==    busy    seen_by=queen    within=0s
    Each Step Of Time Should Bring A Token    ${answer}    until=10
    Wait Until Inference Ends    ${answer}
    Should Be Equal    ${answer.headers}[x-worker-id]    worker-1
    Get State    worker-1    ==    idle    seen_by=queen

Any Text Comes Through
    [Documentation]    Long texts, right-to-left letters, emoji and a NUL are a prompt like any other; the answer depends on
    ...    each of them.
    [Tags]    U14
    [Template]    Prompt Is Answered
    ${{ 'x' * 32768 }}
    \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627
    \U0001f41d\U0001f469\u200d\U0001f680
    before\x00after


*** Keywords ***
Prompt Is Answered
    [Documentation]    The answer to this prompt is complete, and another one than to an empty-looking prompt.
    [Arguments]    ${prompt}
    Start Worker    hive=None
    ${answer} =    Submit Inference    ${prompt}    to=worker-1    max_tokens=8
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    8
    Tokens Should Add Up
    Stop    worker-1

Each Step Of Time Should Bring A Token
    [Documentation]    The clock is held, and one token has come. Each further one comes after 20 ms, and not before.
    [Arguments]    ${answer}    ${until}
    FOR    ${number}    IN RANGE    2    ${until} + 1
        Advance Time    19 ms
        Get Token Count    ${answer}    ==    ${number - 1}    within=0s
        Advance Time    1 ms
        Get Token Count    ${answer}    ==    ${number}
    END
