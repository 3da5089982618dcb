*** Settings ***
Documentation       A worker has slots; who finds none is told so at once, and nobody is let in twice.

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
    [Documentation]    Forty rounds: three of four slots are taken, two requests come at the same moment.
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
    [Documentation]    Two requests at once: one streams, the other is told that all slots are busy.
    ${left} =    Submit Inference    left    to=worker-1
    ${right} =    Submit Inference    right    to=worker-1
    ${states} =    Outcome Of    ${left}    ${right}
    Should Be Equal    ${states}    ${{['refused', 'streaming']}}
    ${loser} =    Evaluate    $left if $left.state.value == 'refused' else $right
    ${winner} =    Evaluate    $right if $loser is $left else $left
    Get Inference Error    ${loser}    ==    ALL_SLOTS_BUSY
    Should Be Equal    ${loser.error}[slots_total]    ${4}
    Should Be Equal    ${loser.error}[slots_busy]    ${4}
    ${worker} =    Get Daemon    worker-1
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[slots_available]    ${0}    msg=slots available while all four are taken
    Cancel Inference    ${winner}

Outcome Of
    [Documentation]    The states of two inferences once both have an answer, in alphabetical order.
    [Arguments]    ${left}    ${right}
    Get Inference State    ${left}    !=    connecting
    Get Inference State    ${right}    !=    connecting
    ${states} =    Evaluate    sorted([$left.state.value, $right.state.value])
    RETURN    ${states}
