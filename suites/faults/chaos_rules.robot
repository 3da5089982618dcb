*** Settings ***
Documentation       The rules of chaos: the same seed is the same schedule, and missing, changed or repeated tokens are found.
...                 The schedules themselves are in `suites/chaos.robot`.

Resource            ../../resources/rbee.resource

Test Setup          Start Fleet    workers=1    token_delay=500ms


*** Test Cases ***
Same Seed Is The Same Schedule
    @{first} =    Unleash Chaos    seed=11    steps=3    duration=5s
    Stop All
    Start Fleet    workers=1    token_delay=500ms
    @{second} =    Unleash Chaos    seed=11    steps=3    duration=5s
    Should Be Equal    ${first}    ${second}

Chaos Draws From The Faults That It Is Told
    @{steps} =    Unleash Chaos    stall    seed=3    steps=12    duration=20s
    VAR    ${schedule}    @{steps}    separator=\n
    Should Match Regexp    ${schedule}    Inject Fault\\s+worker-1\\s+stall\\s+after_tokens=\\d+\\s+delay=[\\d.]+s\\s+times=\\d
    Should Not Match Regexp    ${schedule}    Inject Fault\\s+\\S+\\s+(?!stall)\\S

Tokens Of Good Streams Add Up
    Set Time Rate    0
    ${answer} =    Submit Inference    hello    max_tokens=4
    Advance Time    5 s
    Get Inference State    ${answer}    ==    done
    Tokens Should Add Up    texts=generated

Token That Is Left Out Is Noticed
    Inject Fault    worker-1    skip token    after_tokens=2
    Tokens Should Not Add Up    req-1 is done with 3 tokens, workers wrote 4

Token That Comes Twice Is Noticed
    Inject Fault    worker-1    duplicate token    after_tokens=2
    Tokens Should Not Add Up    req-1 has 5 tokens, workers wrote 4

Tokens In Another Order Are Noticed
    Inject Fault    worker-1    swap tokens    after_tokens=1
    Tokens Should Not Add Up    token 1 of req-1 is *, which is not what the worker generates

Stream That Never Ends Is Noticed
    Inject Fault    worker-1    stall    after_tokens=2
    Tokens Should Not Add Up    req-1 has not ended, it is streaming with 2 tokens

Chaos Wants Some Time
    Run Keyword And Expect Error    steps=20 and duration=0s are no schedule*    Unleash Chaos    duration=0s

One Step Is Chaos Enough
    @{steps} =    Unleash Chaos    seed=1    steps=1    duration=5s
    Length Should Be    ${steps}    1


*** Keywords ***
Tokens Should Not Add Up
    [Documentation]    Requests four tokens and lets half a minute pass. The check of the tokens fails with this finding.
    [Arguments]    ${finding}
    Set Time Rate    0
    Submit Inference    hello    to=worker-1    max_tokens=4    request_id=req-1
    Advance Time    30 s
    Run Keyword And Expect Error    the tokens do not add up, findings: *${finding}*
    ...    Tokens Should Add Up    texts=generated
