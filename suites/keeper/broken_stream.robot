*** Settings ***
Documentation       Streams that break, stall or are cancelled with Ctrl+C, as the keeper's user sees them.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved    stream end


*** Test Cases ***
Worker Death Mid-Stream Keeps The Partial Result
    [Documentation]    The worker is killed after 12 of 20 tokens.
    ...    They are on standard output and in a file that the message names.
    [Tags]    S39    EC4
    Death Should Keep Twelve Tokens

Worker Death Mid-Stream Keeps The Partial Result Of A Direct Inference
    [Tags]    S39    EC4
    Death Should Keep Twelve Tokens    --direct

Ctrl+C Cancels The Inference
    [Documentation]    The worker gets a DELETE request, stops, and frees its slot.
    ...    The keeper prints a clean line and exits with 130.
    [Tags]    S40    EC5
    Interrupt Should Cancel

Ctrl+C Cancels A Direct Inference
    [Tags]    S40    EC5
    Interrupt Should Cancel    --direct

Ctrl+C Waits Five Seconds For A Silent Worker
    [Documentation]    A frozen worker does not answer the DELETE request. The exit code is 130 all the same.
    [Tags]    S40    EC5
    Start Registered Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    Start Keeper    @{ASK}    --direct
    Wait Until Timer    worker-1    token
    Freeze    worker-1
    Interrupt    keeper
    Wait Until Timer    keeper    cancel
    Advance Time    4 s
    Get State    keeper    ==    running    seen_by=process
    Advance Time    1 s
    Get Exit Code    keeper    ==    130

Second Ctrl+C Ends At Once
    [Documentation]    The keeper no longer waits for the worker.
    [Tags]    S40
    Start Registered Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    Start Keeper    @{ASK}    --direct
    Wait Until Timer    worker-1    token
    Freeze    worker-1
    Interrupt    keeper
    Wait Until Timer    keeper    cancel
    Interrupt    keeper
    Get Exit Code    keeper    ==    130

Ctrl+C Before The Worker Is Known Cancels The Task
    [Documentation]    While the model is loading, the keeper cancels the task at the queen, and the worker gets no inference.
    [Tags]    S40
    Start Registered Fleet    load_time=1h
    Set Time Rate    0
    Start Keeper    @{ASK}
    Wait Until Timer    queen    ready-poll
    Interrupt    keeper
    Get Exit Code    keeper    ==    130
    Get Request Count    queen    DELETE    /v2/tasks/*    ==    1
    Get Request Count    queen    POST    /v2/tasks    ==    1    status=499
    Advance Time    5 min
    Get Request Count    mock-worker-1    POST    /v1/inference    ==    0    within=0s

Silent Stream Is Given Up After Sixty Seconds
    [Documentation]    After 60 s without an event, the request is cancelled and the received tokens are kept.
    [Tags]    L033
    Start Registered Fleet    workers=1    token_delay=1s
    Inject Fault    worker-1    stall    after_tokens=5
    Set Time Rate    0
    Start Keeper    @{ASK}    --partial-dir    ${OUTPUT DIR}    --request-id    req-stall
    Wait Until Timer    worker-1    token
    Advance Time    63 s
    Get State    keeper    ==    running    seen_by=process
    Advance Time    10 s
    Get Exit Code    keeper    ==    1
    ${stderr} =    Get Output    keeper    stream=stderr
    Should Have Parts    ${stderr}    INFERENCE_TIMEOUT    60 seconds    Tokens generated: 5 / 20    rbee-partial-req-stall.txt
    Get Request Count    worker-1    DELETE    /v1/inference/req-stall    ==    1
    ${text} =    Keeper Output
    Partial File Should Be    req-stall    ${text}    5
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/rbee-partial-req-stall.txt    AND    Fleet Should Have Behaved

Comments Are No Sign Of Life
    [Documentation]    The worker sends a comment every 10 s, but no token. The keeper gives up after 60 s.
    [Tags]    L033
    Start Registered Fleet    workers=1    token_delay=10min
    Set Time Rate    0
    Start Keeper    @{ASK}    --partial-dir    ${OUTPUT DIR}    --request-id    req-comments
    Wait Until Timer    keeper    stall
    Advance Time    59 s
    Get State    keeper    ==    running    seen_by=process
    Advance Time    2 s
    Get Exit Code    keeper    ==    1
    Get Output    keeper    contains    Tokens generated: 1 / 20    stream=stderr
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/rbee-partial-req-comments.txt    AND    Fleet Should Have Behaved

Whole Stream Has Five Minutes
    [Documentation]    Tokens arrive, but too slowly. The keeper gives up 300 s after the first byte.
    Start Registered Fleet    workers=1    token_delay=50s
    Set Time Rate    0
    Start Keeper    @{ASK}    --partial-dir    ${OUTPUT DIR}    --request-id    req-slow
    Wait Until Timer    keeper    stall
    Advance Time    299 s
    Get State    keeper    ==    running    seen_by=process
    Advance Time    1 s
    Get Exit Code    keeper    ==    1
    Get Output    keeper    contains    5 minutes    stream=stderr
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/rbee-partial-req-slow.txt    AND    Fleet Should Have Behaved

Lost Connection To The Queen Is Noticed At Once
    [Documentation]    The line between keeper and queen is cut after 8 tokens. All eight are on standard output and in the file.
    [Tags]    L034
    Start Registered Fleet    workers=1    token_delay=100ms
    ${line} =    Start Relay    to=queen
    Cut Line Should End The Keeper    --queen-url    ${line.url}

Lost Connection To The Worker Is Noticed At Once
    [Documentation]    The keeper talks directly to a worker behind a line, and the line is cut.
    [Tags]    L034
    ${port} =    Evaluate    RbeeLibrary.run.tcp_ports.free_range(1)    modules=RbeeLibrary.run.tcp_ports
    Start Queen
    VAR    &{env}    RBEE_WORKER_HOST=127.0.0.2
    Start Hive    env=${env}
    Add Hive To Registry    workstation
    Start Relay    to=127.0.0.1:${port}    host=127.0.0.2    port=${port}
    Start Worker    port=${port}    token_delay=100ms
    Cut Line Should End The Keeper    --direct

Error Event Of The Worker Is Explained
    [Documentation]    The worker runs out of memory after 12 of 20 tokens, and says so. The user reads its code.
    [Tags]    S39    EC4
    Start Registered Fleet    workers=1
    ${fault} =    Inject Fault    worker-1    error event    after_tokens=12    code=VRAM_OOM
    ${result} =    Keeper Should Fail    @{ASK}    --partial-dir    ${OUTPUT DIR}    --request-id    req-error
    Should Have Parts    ${result.stderr}    the worker reported VRAM_OOM    Tokens generated: 12 / 20
    ...    rbee-partial-req-error.txt
    Partial File Should Be    req-error    ${result.stdout}    12
    Get State    worker-1    ==    idle
    Get Fault Hits    ${fault}    ==    1
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/rbee-partial-req-error.txt    AND    Fleet Should Have Behaved

Stream Without Its End Counts As Broken
    [Documentation]    All twenty tokens have come, but not the end marker: that is no success.
    [Tags]    S39
    Start Registered Fleet    workers=1
    Inject Fault    worker-1    no end marker
    ${result} =    Keeper Should Fail    @{ASK}    --partial-dir    ${OUTPUT DIR}    --request-id    req-end
    Should Have Parts    ${result.stderr}    stream    worker    Tokens generated: 20 / 20
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/rbee-partial-req-end.txt
    ...    AND    Fleet Should Have Behaved    stream end


*** Keywords ***
Cut Line Should End The Keeper
    [Documentation]    The keeper exits with 1 when the line is cut, and keeps the eight tokens that it has received.
    [Arguments]    @{flags}
    Set Time Rate    0
    Start Keeper    @{ASK}    @{flags}    --partial-dir    ${OUTPUT DIR}    --request-id    req-line
    Wait Until Timer    worker-1    token
    Advance Time    700 ms
    Cut Line
    Get Exit Code    keeper    ==    1    within=5s
    ${text} =    Keeper Output
    Partial File Should Be    req-line    ${text}    8
    [Teardown]    Remove File    ${OUTPUT DIR}/rbee-partial-req-line.txt

Death Should Keep Twelve Tokens
    [Documentation]    A keeper with these flags keeps the twelve tokens of a worker that is killed.
    [Arguments]    @{flags}
    Start Registered Fleet    workers=1
    Inject Fault    worker-1    kill    after_tokens=12    times=1
    ${result} =    Keeper Should Fail    @{ASK}    @{flags}    --partial-dir    ${OUTPUT DIR}    --request-id    req-death
    Get Exit Code    worker-1    ==    -9
    Should Have Parts    ${result.stderr}    stream    worker
    ...    Tokens generated: 12 / 20    ${OUTPUT DIR}/rbee-partial-req-death.txt
    Partial File Should Be    req-death    ${result.stdout}    12
    Get Worker Count    hive    ==    0
    @{deaths} =    Get Records    hive    worker_crashed
    Should Be Equal As Integers    ${deaths}[0][signal]    9
    [Teardown]    Remove File    ${OUTPUT DIR}/rbee-partial-req-death.txt

Partial File Should Be
    [Documentation]    The partial file has this many tokens, and the same text as standard output.
    [Arguments]    ${id}    ${stdout}    ${count: int}
    ${kept} =    Get File    ${OUTPUT DIR}/rbee-partial-${id}.txt
    Should Be Equal    ${kept}    ${stdout}
    ${words} =    Split String    ${kept}
    Length Should Be    ${words}    ${count}

Interrupt Should Cancel
    [Documentation]    Ctrl+C cancels the inference of a keeper with these flags.
    [Arguments]    @{flags}
    Start Registered Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    Start Keeper    @{ASK}    @{flags}    --request-id    req-ctrl-c
    Wait Until Timer    worker-1    token
    Advance Time    3 s
    ${before} =    Keeper Output
    Interrupt    keeper
    Get Exit Code    keeper    ==    130
    Get Request Count    worker-1    DELETE    /v1/inference/req-ctrl-c    ==    1    status=204
    Get Output    keeper    ends    \nCanceled.\n    stream=stderr
    Get State    worker-1    ==    idle
    Advance Time    10 s
    Get Output    keeper    ==    ${before}    stream=stdout    within=0s
    @{tokens} =    Get Records    worker-1    token
    Length Should Be    ${tokens}    4
