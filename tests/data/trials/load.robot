*** Settings ***
Documentation       Two hundred users against four hives with eight workers each, for two minutes, with two kills and a
...                 partition in between. Needs the extra `load`.

Resource            ../../../resources/rbee.resource


*** Variables ***
${USERS}        200
${RATE: int}    18
${PART: int}    500


*** Test Cases ***
Two Hundred Users, Two Kills And A Partition
    [Documentation]    Statistics of the clients, journals and processes agree to the token.
    [Setup]    Start Fleet    hives=4    workers=8    slots=4    token_delay=20ms    heartbeat=10s
    Start Load    users=${USERS}    rate=${RATE}/s    max_tokens=20    node=hive-1,hive-2,hive-3,hive-4
    Requests Should Come    ${PART}
    Kill Below A Hive    worker-3
    Requests Should Come    ${PART}
    Partition    hive-2 | queen
    Requests Should Come    ${{ int($PART) // 3 }}
    Heal
    Requests Should Come    ${PART}
    Kill Below A Hive    worker-12
    Requests Should Come    ${PART}
    Stop Load    within=2min
    Every Request Should Be Counted
    Every Token Should Be Counted
    Get Worker Count    queen    ==    30    within=1min
    Fleet Should Have Behaved    within=1min


*** Keywords ***
Requests Should Come
    [Documentation]    Waits until the queen has received so many more requests of the load.
    [Arguments]    ${more}
    ${mark} =    Mark Journal
    Wait Until Keyword Succeeds    5min    2s    Queen Should Have Got    ${more}    ${mark}

Queen Should Have Got
    [Documentation]    The queen has received so many requests since a moment.
    [Arguments]    ${more}    ${mark}
    Get Request Count    queen    POST    /v2/tasks    >=    ${more}    since=${mark}    within=0s

Kill Below A Hive
    [Documentation]    Kills a worker; its hive has one process less.
    [Arguments]    ${name}
    ${worker} =    Get Daemon    ${name}
    Kill    ${worker}
    Get Child Count    ${worker.owner}    ==    7

Every Request Should Be Counted
    [Documentation]    The clients have sent as many requests as the queen has received, and each of them was answered or failed.
    ${requests} =    Get Load Statistic    requests
    ${done} =    Get Load Statistic    done
    ${failures} =    Get Load Statistic    failures
    ${retries} =    Get Load Statistic    retries
    Log To Console    ${requests} requests: ${done} done, ${failures} failed, ${retries} retries
    Should Be Equal As Integers    ${requests}    ${{ $done + $failures }}
    Get Request Count    queen    POST    /v2/tasks    ==    ${{ $requests + $retries }}

Every Token Should Be Counted
    [Documentation]    The clients have as many tokens as the workers wrote. One that a killed worker was about to send is in
    ...    its journal, but may have reached nobody: at most one for each inference that never ended.
    ${tokens} =    Get Load Statistic    tokens
    @{written} =    Get Records    ${None}    token
    @{begun} =    Get Records    ${None}    inference_started
    @{ended} =    Get Records    ${None}    inference_ended
    Log To Console    ${tokens} tokens, workers wrote ${{ len($written) }}
    Should Be True    0 <= len($written) - $tokens <= len($begun) - len($ended)
