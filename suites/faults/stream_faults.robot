*** Settings ***
Documentation       Faults of streams. Each test shows one fault as a client sees it.
...
...                 Without a fault the answer is six tokens: `one two three four five six`.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Start Worker    hive=None    answer=one two three four five six
Test Teardown       Fleet Should Have Behaved    stream end


*** Test Cases ***
Kill
    [Documentation]    The worker kills itself after the third token. Three tokens arrive, then the stream is broken.
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
    [Documentation]    The connection ends after exactly 20 bytes: one event of 19 bytes and one byte of the next.
    ${fault} =    Inject Fault    worker-1    break    after_bytes=20
    ${answer} =    Answer Ends As    broken    one
    Should Be Equal    ${answer.raw}    data: {"t":"one"}\n\nd    type=bytes
    Get Fault Hits    ${fault}    ==    1

Stall
    [Documentation]    Silence with an open connection.
    [Tags]    L033
    ${fault} =    Inject Fault    worker-1    stall    after_tokens=2
    ${answer} =    Submit Inference    hello    to=worker-1    timeout=500ms
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    stalled
    Get Inference Text    ${answer}    ==    one two
    Get Fault Hits    ${fault}    ==    1

Stall For A Time
    [Documentation]    Silence that ends.
    ${fault} =    Inject Fault    worker-1    stall    after_tokens=2    delay=500ms
    ${answer} =    Answer Ends As    done    one two three four five six
    Get Token Gap    ${answer}    max    >=    300 ms
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
    [Documentation]    The connection is reset after the bytes that were sent have arrived.
    ${fault} =    Inject Fault    worker-1    reset    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Contain    ${answer.error_message}    Connection reset by peer
    Get Fault Hits    ${fault}    ==    1

Half Event
    [Documentation]    The connection ends inside an event. The client ignores the incomplete event.
    ${fault} =    Inject Fault    worker-1    half event    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Contain    ${answer.raw.decode()}    data: {"t
    Get Fault Hits    ${fault}    ==    1

Half Character
    [Documentation]    The connection ends inside a UTF-8 character.
    ${fault} =    Inject Fault    worker-1    half character    after_tokens=2
    ${answer} =    Answer Ends As    broken    one two
    Should Be Equal    ${answer.raw[-2:]}    \xf0\x9f    type=bytes
    Get Fault Hits    ${fault}    ==    1

Error Event
    [Documentation]    The worker reports an error in the middle of the stream and ends it properly. It goes on working.
    ${fault} =    Inject Fault    worker-1    error event    after_tokens=2    code=VRAM_OOM    times=1
    ${answer} =    Answer Ends As    broken    one two
    Get Inference Error    ${answer}    ==    VRAM_OOM
    Should Be Equal    ${answer.error_message}    the worker could not go on with the inference
    Should End With    ${answer.raw.decode()}    on with the inference"}\n\ndata: [DONE]\n\n
    Answer Ends As    done    one two three four five six
    Get Fault Hits    ${fault}    ==    1

No End Marker
    [Documentation]    All tokens come, the end marker does not.
    ${fault} =    Inject Fault    worker-1    no end marker
    Answer Ends As    broken    one two three four five six
    Get Fault Hits    ${fault}    ==    1

Event After End
    [Documentation]    An event after the end marker does not belong to the answer.
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
    [Documentation]    The same seed breaks the same requests, in any order.
    Inject Fault    worker-1    break    probability=0.5    seed=7
    @{first} =    Get Broken Requests    r1    r2    r3    r4    r5    r6    r7    r8
    @{again} =    Get Broken Requests    r8    r3    r1    r7    r2    r6    r5    r4
    Lists Should Be Equal    ${first}    ${again}    ignore_order=True
    ${count} =    Get Length    ${first}
    Should Be Between    ${count}    1    7


*** Keywords ***
Answer Ends As
    [Documentation]    A stream of the worker ends in this state, with this text; returns the inference.
    [Arguments]    ${state}    ${text}
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    ${state}
    Get Inference Text    ${answer}    ==    ${text}
    RETURN    ${answer}

Get Broken Requests
    [Documentation]    Sends requests with these ids; returns the ids of those whose stream breaks.
    [Arguments]    @{ids}
    VAR    @{broken}    @{EMPTY}
    FOR    ${id}    IN    @{ids}
        ${answer} =    Submit Inference    hello    to=worker-1    request_id=${id}
        ${state} =    Wait Until Inference Ends    ${answer}
        IF    '${state.value}' == 'broken'
            VAR    @{broken}    @{broken}    ${id}
        END
    END
    RETURN    ${broken}
