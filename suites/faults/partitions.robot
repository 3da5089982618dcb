*** Settings ***
Documentation       Programs that cannot reach each other, as if every packet between them were lost.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Parted Hive Cannot Be Reached
    [Documentation]    An attempt to connect gets no answer: the queen gives up after three attempts of 10 s.
    Start Fleet    workers=1
    Partition    hive | queen
    ${answer} =    Submit Inference    hello
    Advance Time    29 s
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    2 s
    Get Inference State    ${answer}    ==    refused
    Get Inference Error    ${answer}    contains    CONNECTION_TIMEOUT
    No Request Should Come    hive    GET    /v1/workers/list

Stream Stands Still And Goes On
    [Documentation]    Tokens that were on their way arrive when the network is whole again. None is lost.
    Start Fleet    workers=1    token_delay=100ms
    ${answer} =    Submit Inference    hello    max_tokens=60
    Wait For Tokens    ${answer}    3
    Partition    hive | queen
    ${seen} =    Get Token Count    ${answer}
    Advance Time    20 s
    Get State    worker-1    ==    idle
    Get Token Count    ${answer}    <=    ${seen + 1}    within=0s
    Heal
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Tokens Should Add Up

End Of A Stream Is Not Heard
    [Documentation]    The client leaves, and the queen with it, but the worker cannot hear of it: it goes on.
    Start Fleet    workers=1    token_delay=100ms
    ${answer} =    Submit Inference    hello    max_tokens=2000
    Wait For Tokens    ${answer}    2
    Partition    hive | queen
    Cancel Inference    ${answer}    by=disconnect
    Advance Time    10 s
    Get State    worker-1    ==    busy    within=0s
    Heal
    Get State    worker-1    ==    idle

Others Reach Each Other
    Start Fleet    hives=2    workers=1
    Partition    hive-1 | queen
    ${near} =    Submit Inference    hello    node=hive-2
    Wait Until Inference Ends    ${near}
    Get Inference State    ${near}    ==    done
    ${far} =    Submit Inference    hello    node=hive-1
    Advance Time    31 s
    Get Inference State    ${far}    ==    refused

Worker That Starts On A Parted Machine Is Parted Too
    [Documentation]    The queen learns of it when the network is whole again.
    Start Fleet    workers=1    heartbeat=30s
    Get Worker Count    queen    ==    1
    Partition    hive | queen
    Start Worker    worker-2    heartbeat=30s
    Get Worker Count    hive    ==    2
    Advance Time    10 s
    Get Worker Count    queen    ==    1    within=0s
    Heal
    Advance Time    1 min
    Get Worker Count    queen    ==    2

Workers That Were Away For Minutes Come Back
    [Documentation]    The queen has removed them for want of heartbeats.
    Start Fleet    workers=2    heartbeat=30s
    Get Request Count    queen    POST    /v1/workers/*    >=    2    status=200
    Partition    hive | queen
    Advance Time    3 min
    Get Worker Count    queen    ==    0    within=0s
    Heal
    Advance Time    1 min
    Get Worker Count    queen    ==    2

Line To A Parted Program Is Parted
    [Documentation]    The heartbeats of the worker go over the line, so they do not arrive.
    Start Queen
    ${line} =    Start Relay    line    to=queen
    Start Worker    loner    hive=None    queen_url=${line.url}    heartbeat=30s
    Get Request Count    queen    POST    /v1/workers/loner/heartbeat    ==    1
    Partition    loner | queen
    Advance Time    1 min
    Get Request Count    queen    POST    /v1/workers/loner/heartbeat    ==    1    within=0s

Three Islands
    Start Fleet    hives=2    workers=1
    Partition    queen | hive-1 | hive-2
    ${one} =    Submit Inference    hello    node=hive-1
    ${other} =    Submit Inference    hello    node=hive-2
    Advance Time    31 s
    Get Inference State    ${one}    ==    refused
    Get Inference State    ${other}    ==    refused
    Heal
    ${answer} =    Submit Inference    hello    node=hive-2
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Program That Starts Again Is Parted As Before
    [Documentation]    The hive is started again on its port, in the middle of a partition, and before another one.
    Start Fleet    workers=1
    Partition    hive | queen
    Kill    hive
    Restart    hive
    Hive Should Be Refused
    Kill    hive
    Heal
    Restart    hive
    Partition    hive | queen
    Hive Should Be Refused
    ${mark} =    Mark Journal
    Start Worker    worker-2
    Advance Time    10 s
    No Request Should Come    queen    POST    /v2/workers/ready    since=${mark}

Worker That Starts Again Is Parted As Before
    [Documentation]    Its hive, which starts it, is not parted.
    Start Fleet    workers=1    heartbeat=30s
    Partition    worker-1 | queen
    Kill    worker-1
    Restart    worker-1    heartbeat=30s
    ${mark} =    Mark Journal
    Advance Time    1 min
    No Request Should Come    queen    POST    /v1/workers/worker-1/heartbeat    since=${mark}

Frozen Program Is Told When It Is Resumed
    [Documentation]    Then the queen reaches the hive, and the hive reaches the queen.
    Start Fleet    workers=1
    Partition    hive | queen
    Hive Should Be Refused
    Freeze    hive
    Run Keyword And Expect Error    hive is frozen, so its network cannot be changed: resume it first    Heal
    Resume    hive
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Kill    worker-1
    Get Request Count    queen    POST    /v2/workers/removed    ==    1


*** Keywords ***
Hive Should Be Refused
    [Documentation]    The queen gets no answer from it.
    ${answer} =    Submit Inference    hello
    Advance Time    31 s
    Get Inference State    ${answer}    ==    refused
