*** Settings ***
Documentation       The line between a client and a worker is cut, stalled or slow.

Resource            ../../resources/rbee.resource

Test Setup          Start Worker Behind A Line
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Line Carries Every Token
    Set Time Rate    20
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    20

Cut Line Breaks The Stream
    [Documentation]    Client and worker notice it at once. The worker stops and frees its slot.
    [Tags]    L034
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Wait For Tokens    ${answer}    1
    Advance Time    700 ms
    Get Token Count    ${answer}    ==    8    within=0s
    Cut Line
    Get Inference State    ${answer}    ==    broken
    Get Token Count    ${answer}    ==    8
    Get State    worker-1    ==    idle
    ${refused} =    Submit Inference    hello    to=line
    Wait Until Inference Ends    ${refused}
    Get Inference State    ${refused}    ==    refused

Stalled Line Goes On When It Is Mended
    [Documentation]    Nothing is lost: the tokens that were held back arrive.
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Wait For Tokens    ${answer}    1
    Advance Time    300 ms
    Stall Line
    Advance Time    1 s
    Get Token Count    ${answer}    ==    4    within=0s
    Get Inference State    ${answer}    ==    streaming
    Mend Line
    Advance Time    1 s
    Get Token Count    ${answer}    ==    20    within=0s
    Get Inference State    ${answer}    ==    done

Cut Line Can Be Mended
    Cut Line
    Mend Line
    ${answer} =    Submit Inference    hello    to=line    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    5

Slow Line Spreads The Answer
    [Documentation]    At 100 bytes a second, an answer of some hundred bytes takes seconds of the run's clock.
    Limit Line    100b
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Advance Time    3 s
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    1 min
    Get Inference State    ${answer}    ==    done    within=0s

Long Request Does Not Hold Time Up
    [Documentation]    The line passes the first part of a long request, and the rest when the clock has moved.
    Limit Line    10kB
    Set Time Rate    0
    VAR    ${prompt}    ${{ "tell me more " * 2000 }}
    ${answer} =    Submit Inference    ${prompt}    to=line    max_tokens=5
    Wait Until Timer    line    rate
    Advance Time    1 min
    Get Inference State    ${answer}    ==    done    within=0s

Distant Worker Answers Later
    [Documentation]    Every byte is under way for 100 ms: the request, and each token of the answer. Nothing is slower than that.
    Delay Line    100 ms
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Advance Time    199 ms
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    100 ms
    Get Token Count    ${answer}    ==    1    within=0s
    Advance Time    1900 ms
    Get Token Count    ${answer}    ==    20    within=0s
    Get Inference State    ${answer}    ==    done    within=0s

What Is Under Way Waits On A Stalled Line Too
    [Documentation]    The second token has left the worker and is 1 ms from the client when the line stalls.
    Delay Line    100 ms
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Advance Time    299 ms
    Get Token Count    ${answer}    ==    1    within=0s
    Stall Line
    Advance Time    1 s
    Get Token Count    ${answer}    ==    1    within=0s
    Mend Line
    Advance Time    3 s
    Get Token Count    ${answer}    ==    20    within=0s
    Get Inference State    ${answer}    ==    done    within=0s

Lost Packets Are Sent Again
    [Documentation]    Without losses all would be there after 2.2 s. They come late, but all of them come.
    Delay Line    10 ms    loss=0.5
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    to=line    max_tokens=20
    Advance Time    2200 ms
    Get Inference State    ${answer}    !=    done    within=0s
    Advance Time    5 min
    Get Inference State    ${answer}    ==    done    within=0s
    Get Token Count    ${answer}    ==    20    within=0s

Line Of The Kernel
    [Documentation]    Packets really cross a network namespace; a stalled line is a device that is down. Skipped without root.
    [Setup]    Start Worker    hive=None    token_delay=5ms
    Start Relay    to=worker-1    kernel=True
    ${answer} =    Submit Inference    hello    to=line    max_tokens=60
    Wait For Tokens    ${answer}    3
    Stall Line
    ${seen} =    Get Token Count    ${answer}
    Get State    worker-1    ==    idle    within=10s
    Get Token Count    ${answer}    <=    ${seen + 2}    within=0s
    Mend Line
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    60

Two Slots Behind One Line
    [Documentation]    Both streams are cut together.
    [Setup]    Start Worker Behind A Line    slots=2
    ${one} =    Submit Inference    one    to=line    max_tokens=20
    ${two} =    Submit Inference    two    to=line    max_tokens=20
    Wait For Tokens    ${one}    2
    Wait For Tokens    ${two}    2
    Cut Line
    Get Inference State    ${one}    ==    broken
    Get Inference State    ${two}    ==    broken


*** Keywords ***
Start Worker Behind A Line
    [Documentation]    Starts a worker without a hive, and a relay in front of it.
    [Arguments]    ${slots}=1
    Start Worker    hive=None    token_delay=100ms    slots=${slots}
    Start Relay    to=worker-1
