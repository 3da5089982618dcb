*** Settings ***
Documentation       Workers that die, freeze and crash: what their clients see, what the hive notices, what the list says.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Killed Worker Breaks The Stream And Leaves The List
    [Tags]    S39    L028    EC4
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    8
    Kill    worker-1
    Get Inference State    ${answer}    ==    broken    within=1s
    Get Token Count    ${answer}    >=    8
    Get Exit Code    worker-1    ==    -9
    Get Worker Count    hive    ==    0    within=1s
    Get Worker Count    queen    ==    0    within=1s
    Get State    hive    ==    idle

Killed Worker Breaks The Stream Of The Queen
    [Documentation]    The queen ends its own stream without the end marker, so that nobody takes it for complete.
    [Tags]    S39    EC4
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    max_tokens=2000
    Wait For Tokens    ${answer}    8
    Kill    worker-1
    Get Inference State    ${answer}    ==    broken    within=1s
    Get Token Count    ${answer}    >=    8

Hive Reaps Its Killed Worker
    [Tags]    L029
    Start Fleet    workers=2
    Kill    worker-1
    Get Child Count    hive    ==    1
    Get Output    hive    matches    worker worker-1 \\(pid \\d+\\) crashed: exit code None, signal 9
    Get State    worker-2    ==    idle    seen_by=hive

Frozen Worker Stalls Its Stream
    [Tags]    S47    L033
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    write a short story    to=worker-1    max_tokens=2000    timeout=500ms
    Wait For Tokens    ${answer}    3
    Freeze    worker-1
    Get State    worker-1    ==    frozen    within=0s
    Get Inference State    ${answer}    ==    stalled
    Get State    hive    ==    idle
    Resume    worker-1
    Get State    worker-1    ==    idle

Frozen Worker Does Not Hold Up The List
    [Documentation]    The hive asks each worker for its state, half a second at most; a silent one is shown as last seen.
    [Tags]    S47
    Start Fleet    workers=2
    Freeze    worker-1
    Get Worker Count    hive    ==    2    within=1s
    Get State    worker-2    ==    idle    seen_by=hive    within=1s

Worker Killed While Loading Is Noticed
    [Tags]    S33    L027
    Start Fleet    hives=1
    Start Worker    worker-1    load_time=5 min    until=loading
    Get Worker Count    hive    ==    1    state=loading
    Kill    worker-1
    Get Worker Count    hive    ==    0    within=1s
    Get State    worker-1    ==    killed    seen_by=process

Task For A Worker Killed While Loading Fails
    [Tags]    S33
    Start Fleet    hives=1
    Start Worker    worker-1    load_time=5 min    until=loading
    ${answer} =    Submit Inference    hope    timeout=10s
    Get Request Count    worker-1    GET    /v1/ready    >=    1
    Kill    worker-1
    Set Time Rate    20
    Get Inference State    ${answer}    ==    refused    within=5s
    Get Inference Error    ${answer}    ==    WORKER_CRASHED

Worker That Cannot Start Is Reported With Its Exit Code
    [Tags]    L015
    Start Fleet    hives=1
    Run Keyword And Expect Error    *500 WORKER_CRASHED*exit code 1*no-such-file.json*
    ...    Start Worker    worker-1    answers=no-such-file.json
    Get Worker Count    hive    ==    0

Killed Hive Leaves Its Workers Alive
    [Tags]    L046
    Start Fleet    workers=2    token_delay=20ms
    ${answer} =    Submit Inference    carry on    to=worker-1    max_tokens=30
    Wait For Tokens    ${answer}    3
    Kill    hive
    Get Exit Code    hive    ==    -9
    Restart    hive
    Get Worker Count    hive    ==    0
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    30
    Get State    worker-1    ==    idle
    Get State    worker-2    ==    idle
    Get Worker Count    queen    ==    2

Exit Code Of A Worker That Outlived Its Hive Is Known
    [Documentation]    It became a child of the nursery when its hive died, and the nursery waited for it.
    [Tags]    L046
    Start Fleet    workers=2
    Kill    hive
    Stop    worker-1
    Get Exit Code    worker-1    ==    0
    Kill    worker-2
    Get Exit Code    worker-2    ==    -9
