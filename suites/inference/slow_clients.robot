*** Settings ***
Documentation       Clients that read slowly, not at all, or leave: what they do not read waits at the worker.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Slow Reader Keeps Its Slot And Others Are Served
    [Documentation]    The client reads two tokens a second of two thousand. In five minutes the worker could have sent them
    ...    all, but its slot stays taken until they are read. A second slot serves somebody else meanwhile.
    [Tags]    U08
    Start Worker    hive=None    slots=2    send_buffer=4KB    token_delay=100ms
    ${slow} =    Submit Inference    slowly please    to=worker-1    max_tokens=2000    read_rate=2/s
    Wait For Tokens    ${slow}    2
    Advance Time    5 min
    ${quick} =    Submit Inference    quickly please    to=worker-1    max_tokens=3
    Wait Until Inference Ends    ${quick}
    Get Inference State    ${quick}    ==    done
    Slots Should Be Free    1
    Get Inference State    ${slow}    ==    streaming
    Cancel Inference    ${slow}    by=disconnect
    Slots Should Be Free    2

Reader That Speeds Up Gets All Of It
    [Documentation]    Nothing is lost while the client does not read. One or two tokens may be on their way when it stops.
    Start Worker    hive=None    slots=2    send_buffer=4KB
    ${answer} =    Submit Inference    wait for me    to=worker-1    max_tokens=1000    read_rate=1000/s
    Wait For Tokens    ${answer}    5
    Pause Reading    ${answer}
    ${seen} =    Get Token Count    ${answer}
    ${other} =    Submit Inference    somebody else    to=worker-1    max_tokens=50
    Wait Until Inference Ends    ${other}
    Get Token Count    ${answer}    <=    ${seen + 2}
    Resume Reading    ${answer}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Token Count    ${answer}    ==    1000
    Get State    worker-1    ==    idle

Client That Never Reads Keeps Its Slot
    Start Worker    hive=None    send_buffer=4KB
    ${deaf} =    Submit Inference    not listening    to=worker-1    max_tokens=2000    read_rate=0/s
    Get State    worker-1    ==    busy
    ${refused} =    Submit Inference    is anybody there    to=worker-1
    Wait Until Inference Ends    ${refused}
    Get Inference Error    ${refused}    ==    ALL_SLOTS_BUSY
    Get Token Count    ${deaf}    ==    0
    Cancel Inference    ${deaf}    by=disconnect
    Get State    worker-1    ==    idle

Time Moves On While A Client Does Not Read
    [Documentation]    The link is held on purpose, so it does not hold the clock. The worker is not idle meanwhile.
    Start Fleet    workers=1    send_buffer=4KB
    ${deaf} =    Submit Inference    not listening    to=worker-1    max_tokens=2000    read_rate=0/s
    Get State    worker-1    ==    busy
    Advance Time    4 min
    Get State    worker-1    ==    busy
    Resume Reading    ${deaf}
    Cancel Inference    ${deaf}    by=disconnect

Client That Leaves After Some Tokens Frees The Slot
    Start Worker    hive=None    token_delay=10ms
    ${answer} =    Submit Inference    that is enough    to=worker-1    max_tokens=500    leave_after=3
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    cancelled
    Get Token Count    ${answer}    ==    3
    Get State    worker-1    ==    idle
    @{left} =    Get Records    worker-1    client_gone
    Length Should Be    ${left}    1

Client That Closes Its Own Direction Has Left
    Start Worker    hive=None    token_delay=10ms
    ${answer} =    Submit Inference    over and out    to=worker-1    max_tokens=500    half_close=yes
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get State    worker-1    ==    idle

Client That Connects Again Gets All Tokens Again
    [Documentation]    Events have no ids, so a worker does not know what the client has read before.
    [Tags]    U19
    Start Worker    hive=None    token_delay=10ms
    ${first} =    Submit Inference    tell me again    to=worker-1    max_tokens=10    leave_after=4
    Wait Until Inference Ends    ${first}
    Slots Should Be Free    1
    ${again} =    Submit Inference    tell me again    to=worker-1    max_tokens=10    last_event_id=4
    Wait Until Inference Ends    ${again}
    Get Token Count    ${again}    ==    10
    ${begin} =    Get Inference Text    ${first}
    Get Inference Text    ${again}    starts    ${begin}
    @{requests} =    Get Requests    worker-1    POST    /v1/inference
    Should Be Equal    ${requests[1].headers}[Last-Event-Id]    4


*** Keywords ***
Slots Should Be Free
    [Documentation]    The worker reports this many free slots.
    [Arguments]    ${expected: int}
    Wait Until Keyword Succeeds    2s    10ms    Slots Are Free    ${expected}

Slots Are Free
    [Documentation]    The worker reports this many free slots at this moment.
    [Arguments]    ${expected: int}
    ${worker} =    Get Daemon    worker-1
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[slots_available]    ${expected}
