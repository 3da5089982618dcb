*** Settings ***
Documentation       Planted bugs of real programs. Each test fails, with the rule that is broken and the program that breaks it.

Resource            programs.resource


*** Test Cases ***
Queen Mends A Broken Stream
    Real Queen With Fake Hive    mends-streams    token_delay=100ms
    ${answer} =    Submit Inference    hello there    max_tokens=50
    Wait For Tokens    ${answer}    3
    Kill    mock-worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Queen Routes While The Worker Loads
    Real Queen With Fake Hive    routes-while-loading    load_time=1s
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Queen Hammers A Busy Worker
    Real Queen With Fake Hive    hammers-after-503
    Inject Fault    mock-worker-1    status    path=/v1/inference    status=503
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Queen Repeats What It Relays
    Real Queen With Fake Hive    answers-twice    token_delay=50ms
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Tokens Should Add Up

Queen Forgets The Prompt
    Real Queen With Fake Hive    forgets-prompts
    ${answer} =    Submit Inference    hello there    max_tokens=5
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Worker Sends No End
    Real Worker    no-end
    ${answer} =    Submit Inference    hello there    max_tokens=5    to=worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Worker Sends Two Ends
    Real Worker    two-ends
    ${answer} =    Submit Inference    hello there    max_tokens=5    to=worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Worker Sends Too Much
    Real Worker    ignores-max-tokens
    ${answer} =    Submit Inference    hello there    max_tokens=5    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    5

Worker Calls Back Before It Listens
    Start Queen
    ${queen} =    Get Daemon    queen
    VAR    &{env}    STAND_IN_BUGS=callback-first
    Start Worker    hive=None    program=${MOCK}    queen_url=${queen.url}    env=${env}
    Get Worker Count    queen    ==    1
    Fleet Should Have Behaved

Option Without A Word
    Start Queen    program=${QUEEN}    cascade=owned

Fault That Needs The Inside
    Start Queen    program=${QUEEN}
    Inject Fault    queen    slow sweep

Waiting Fault That Needs The Inside
    Inject Fault    queen    slow sweep
    Start Queen    program=${QUEEN}

Outgoing Requests Of A Fake
    Start Queen
    Inject Fault    queen    status    direction=outgoing

Port Of Another Process
    [Documentation]    The program answers nothing; somebody else has its port.
    Start Queen    program=${CURDIR}/squatted-queen
