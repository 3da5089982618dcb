*** Settings ***
Documentation       The slots of a worker: a request without a free slot is refused at once, and no slot is given away twice.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved
Test Tags           S35


*** Test Cases ***
Busy Worker Refuses The Next Request
    [Tags]    S41
    Start Worker    hive=None    token_delay=10s
    ${long} =    Submit Inference    long    to=worker-1
    Wait For Tokens    ${long}    1
    ${refused} =    Submit Inference    short    to=worker-1
    Get Inference State    ${refused}    ==    refused
    Get Inference Error    ${refused}    ==    ALL_SLOTS_BUSY
    Should Be Equal As Integers    ${refused.status}    503
    Should Be Equal    ${refused.error}[slots_total]    ${1}
    Should Be Equal    ${refused.error}[slots_busy]    ${1}
    Should Be Equal    ${refused.headers}[retry-after]    1

Freed Slot Is Given To The Next Request
    Start Worker    hive=None    token_delay=10ms
    ${first} =    Submit Inference    first    to=worker-1    max_tokens=3
    Wait Until Inference Ends    ${first}
    ${second} =    Submit Inference    second    to=worker-1    max_tokens=3
    Wait Until Inference Ends    ${second}
    Get Inference State    ${second}    ==    done

Health And List Answer While All Slots Are Busy
    Start Fleet    workers=1    slots=2    token_delay=10s
    ${first} =    Submit Inference    one    to=worker-1
    ${second} =    Submit Inference    two    to=worker-1
    Wait For Tokens    ${first}    1
    Wait For Tokens    ${second}    1
    Get State    worker-1    ==    busy    within=500ms
    Get State    worker-1    ==    busy    seen_by=hive    within=500ms

Last Slot Goes To Exactly One Request
    [Documentation]    Three of four slots are taken, and two requests come at the same moment. Forty rounds.
    [Tags]    L037
    Start Worker    hive=None    slots=4    token_delay=10s
    FOR    ${number}    IN RANGE    3
        ${holder} =    Submit Inference    hold ${number}    to=worker-1
        Wait For Tokens    ${holder}    1
    END
    FOR    ${_}    IN RANGE    40
        One Of Two Simultaneous Requests Wins
    END


*** Keywords ***
One Of Two Simultaneous Requests Wins
    [Documentation]    Sends two requests at once: one streams, the other is refused because all slots are busy.
    ${left} =    Submit Inference    left    to=worker-1
    ${right} =    Submit Inference    right    to=worker-1
    ${winner}    ${loser} =    Winner And Loser    ${left}    ${right}
    Get Inference State    ${winner}    ==    streaming    within=0s
    Get Inference State    ${loser}    ==    refused    within=0s
    Get Inference Error    ${loser}    ==    ALL_SLOTS_BUSY
    Should Be Equal    ${loser.error}[slots_total]    ${4}
    Should Be Equal    ${loser.error}[slots_busy]    ${4}
    ${worker} =    Get Daemon    worker-1
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[slots_available]    ${0}    msg=slots available while all four are taken
    Cancel Inference    ${winner}

Winner And Loser
    [Documentation]    Waits until two inferences have an answer; returns them, the refused one last.
    [Arguments]    ${left}    ${right}
    ${state} =    Get Inference State    ${left}    !=    connecting
    Get Inference State    ${right}    !=    connecting
    IF    '${state.value}' == 'refused'    RETURN    ${right}    ${left}
    RETURN    ${left}    ${right}
