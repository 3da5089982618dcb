*** Settings ***
Documentation       What a client of a stream sees when the stream breaks in one exact way: one fault a test.
...
...                 Without a fault the answer is six tokens: `one two three four five six`.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Worker    hive=None    answer=one two three four five six
Test Teardown       Fleet Should Have Behaved    stream end


*** Test Cases ***
Kill
    [Documentation]    SIGKILL to itself after the third token: three tokens arrive, then the stream is broken.
    [Tags]    S39
    ${fault} =    Inject Fault    worker-1    kill    after_tokens=3
    ${answer} =    Answer Ends As    broken    one two three
    Get Token Count    ${answer}    ==    3
    Get Exit Code    worker-1    ==    -9
    Get Fault Hits    ${fault}    ==    1

Exit At Token
    [Documentation]    The process ends with an exit code of the test's choice after the third token.
    ${fault} =    Inject Fault    worker-1    exit at token    after_tokens=3    status=42
    Answer Ends As    broken    one two three
    Get Exit Code    worker-1    ==    42
    Get Fault Hits    ${fault}    ==    1

Break At A Byte
    [Documentation]    The connection ends after exactly 20 bytes: one event of 17 bytes and three bytes of the next.
    ${fault} =    Inject Fault    worker-1    break    after_bytes=20
    ${answer} =    Answer Ends As    broken    one
    Should Be Equal    ${answer.raw}    ${{b'data: {"t":"one"}\n\nd'}}
    Get Fault Hits    ${fault}    ==    1

Stall
    [Documentation]    Silence with an open connection.
    [Tags]    L033
    ${fault} =    Inject Fault    worker-1    stall    after_tokens=2
    ${answer} =    Submit Inference    hello    to=worker-1    timeout=200ms
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    stalled
    Get Inference Text    ${answer}    ==    one two
    Get Fault Hits    ${fault}    ==    1

Stall For A Time
    [Documentation]    Silence that ends.
    ${fault} =    Inject Fault    worker-1    stall    after_tokens=2    delay=150ms
    ${answer} =    Answer Ends As    done    one two three four five six
    Get Token Gap    ${answer}    max    >=    140 ms
    Get Fault Hits    ${fault}    ==    1

Close
    [Documentation]    A clean end of the body, without the end marker: only its absence tells that something is missing.
    ${fault} =    Inject Fault    worker-1    close    after_tokens=2
    Answer Ends As    broken    one two
    Get Fault Hits    ${fault}    ==    1

Break
    [Documentation]    The connection ends in the middle of the body.
    ${fault} =    Inject Fault    worker-1    break    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Contain    ${answer.error_message}    ended in the middle
    Get Fault Hits    ${fault}    ==    1

Reset
    [Documentation]    A RST, once what was sent has arrived.
    ${fault} =    Inject Fault    worker-1    reset    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Contain    ${answer.error_message}    Connection reset by peer
    Get Fault Hits    ${fault}    ==    1

Half Event
    [Documentation]    The connection ends inside an event; half an event is none.
    ${fault} =    Inject Fault    worker-1    half event    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Contain    ${answer.raw.decode()}    data: {"t
    Get Fault Hits    ${fault}    ==    1

Half Character
    [Documentation]    The connection ends inside a UTF-8 character.
    ${fault} =    Inject Fault    worker-1    half character    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Be True    $answer.raw.endswith(b'\\xf0\\x9f')
    Get Fault Hits    ${fault}    ==    1

No End Marker
    [Documentation]    All tokens come, the end marker does not.
    ${fault} =    Inject Fault    worker-1    no end marker
    Answer Ends As    broken    one two three four five six
    Get Fault Hits    ${fault}    ==    1

Event After End
    [Documentation]    What comes after the end marker does not belong to the answer.
    ${fault} =    Inject Fault    worker-1    event after end
    ${worker} =    Get Daemon    worker-1
    ${raw} =    POST    ${worker.url}/v1/inference    data={"prompt":"hello"}    timeout=5
    Should End With    ${raw.text}    data: [DONE]\n\ndata: {"t":" late"}\n\n
    Answer Ends As    done    one two three four five six
    Get Fault Hits    ${fault}    ==    2

Duplicate Token
    ${fault} =    Inject Fault    worker-1    duplicate token    after_tokens=1
    Answer Ends As    done    one two two three four five six
    Get Fault Hits    ${fault}    ==    1

Skip Token
    ${fault} =    Inject Fault    worker-1    skip token    after_tokens=1
    Answer Ends As    done    one three four five six
    Get Fault Hits    ${fault}    ==    1

Swap Tokens
    ${fault} =    Inject Fault    worker-1    swap tokens    after_tokens=1
    Answer Ends As    done    one three two four five six
    Get Fault Hits    ${fault}    ==    1

Wrong Content Type
    ${fault} =    Inject Fault    worker-1    wrong content type
    ${answer} =    Answer Ends As    done    one two three four five six
    Should Be Equal    ${answer.headers}[content-type]    text/html
    Get Fault Hits    ${fault}    ==    1

Fault On A Share Of The Requests
    [Documentation]    The same seed breaks the same requests, in whatever order they come.
    Inject Fault    worker-1    break    probability=0.5    seed=7
    ${first} =    Broken Of    r1    r2    r3    r4    r5    r6    r7    r8
    ${again} =    Broken Of    r8    r3    r1    r7    r2    r6    r5    r4
    Should Be Equal    ${first}    ${again}
    Should Be True    0 < len($first) < 8


*** Keywords ***
Answer Ends As
    [Documentation]    Asks the worker and checks how the stream ends and what came of it.
    [Arguments]    ${state}    ${text}
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    ${state}
    Get Inference Text    ${answer}    ==    ${text}
    RETURN    ${answer}

Broken Of
    [Documentation]    Those of the request ids whose stream breaks.
    [Arguments]    @{ids}
    VAR    @{broken}    @{EMPTY}
    FOR    ${id}    IN    @{ids}
        ${answer} =    Submit Inference    hello    to=worker-1    request_id=${id}
        ${state} =    Wait Until Inference Ends    ${answer}
        IF    '${state.value}' == 'broken'
            VAR    @{broken}    @{broken}    ${id}
        END
    END
    ${sorted} =    Evaluate    sorted($broken)
    RETURN    ${sorted}
