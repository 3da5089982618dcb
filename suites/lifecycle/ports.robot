*** Settings ***
Documentation       Occupied ports: a worker gets the next free one; a program that needs this very port names its holder.

Library             RequestsLibrary
Library             ../../resources/process_table.py
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Wanted Port That Is Taken Is Explained
    ${port} =    Occupy Port
    Run Keyword And Expect Error    *port ${port} is taken by pid *(*robot*)*
    ...    Start Queen    port=${port}

Spawn Takes The Next Port
    [Documentation]    Another process holds the first of three ports.
    ...    The worker listens on the second, and its id has that number.
    [Tags]    L014
    ${first} =    Three Free Ports
    ${hive} =    Start Hive    worker_ports=${first}-${first + 2}
    Occupy Port    ${first}
    ${answer} =    POST    ${hive.url}/v1/workers/spawn    data={}    timeout=10
    Should Be Equal    ${answer.json()}[worker_id]    mock-worker-${first + 1}
    Should Be Equal    ${answer.json()}[url]    http://127.0.0.1:${first + 1}
    ${list} =    GET    ${hive.url}/v1/workers/list    timeout=5
    @{ports} =    Get Listening Ports    ${list.json()}[workers][0][pid]
    Length Should Be    ${ports}    1
    Should Be Equal    ${ports}[0]    ${first + 1}

Inference Works Beside An Occupied Port
    [Documentation]    The keeper succeeds as if the port were free.
    [Tags]    L014
    ${first} =    Three Free Ports
    Start Fleet    worker_ports=${first}-${first + 2}
    Occupy Port    ${first}
    Add Hive To Registry    workstation
    ${result} =    Run Keeper    infer    --node    workstation    --model    mock-model    --prompt    hello
    Should Be Equal As Integers    ${result.rc}    0    msg=${result.stderr}
    Get Request Count    mock-worker-${first + 1}    POST    /v1/inference    ==    1    status=200

Port Asked For In The Request Gives Way To The Next Free One
    [Tags]    L014
    ${first} =    Three Free Ports
    Start Hive    worker_ports=${first}-${first + 2}
    Occupy Port    ${first + 1}
    ${worker} =    Start Worker    port=${first + 1}
    Should Be Equal As Integers    ${worker.port}    ${first + 2}

Hive Without A Free Port Says So
    [Tags]    L014
    ${first} =    Three Free Ports
    Start Hive    worker_ports=${first}-${first}
    Start Worker    worker-1
    Run Keyword And Expect Error    *503 NO_FREE_PORT*    Start Worker    worker-2
    Get Worker Count    hive    ==    1

Port Of An Ended Worker Is Used Again
    [Tags]    L014
    ${first} =    Three Free Ports
    Start Hive    worker_ports=${first}-${first + 2}
    ${before} =    Start Worker    worker-1
    Start Worker    worker-2
    Kill    worker-1
    Get Worker Count    hive    ==    1
    ${after} =    Start Worker    worker-3
    Should Be Equal As Integers    ${after.port}    ${before.port}

Restart Keeps The Port
    ${before} =    Start Queen
    ${after} =    Restart    queen
    Should Be Equal    ${after.url}    ${before.url}
    Should Not Be Equal    ${after.pid}    ${before.pid}
    Get State    queen    ==    idle

Restarted Worker Keeps Name And Port
    Start Fleet    workers=1
    ${before} =    Get Daemon    worker-1
    Kill    worker-1
    ${after} =    Restart    worker-1
    Should Be Equal    ${after.url}    ${before.url}
    Get State    worker-1    ==    idle    seen_by=hive

Restart Changes Options
    [Documentation]    What is given changes, everything else is as before: the worker keeps its port, its name and its model.
    Start Fleet    workers=1    token_delay=1h
    ${before} =    Get Daemon    worker-1
    ${after} =    Restart    worker-1    token_delay=0    slots=3
    Should Be Equal    ${before.port}    ${after.port}
    ${answer} =    Submit Inference    quickly now    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Command Line    worker-1    contains    --slots 3

Restarted Hive Gives New Options To Its Workers
    Start Fleet    hives=1    token_delay=1h
    Restart    hive    token_delay=0    health_interval=10s
    Start Worker
    Get Command Line    worker-1    contains    --token-delay 0
    Get Command Line    hive    contains    --health-interval 10s

Restart With An Option Of Another Program Is Refused
    Start Queen
    Run Keyword And Expect Error    *queen, a queen, has no option token_delay*    Restart    queen    token_delay=1s
    Get State    queen    ==    idle

New Process On The Port Is Not Taken For The Old One
    [Documentation]    A worker dies and comes back on its port at once. The hive lists the new process, and reaps the old one.
    [Tags]    U07
    Start Fleet    workers=1
    ${old} =    Get Daemon    worker-1
    Kill    worker-1
    ${new} =    Restart    worker-1
    Should Be Equal    ${new.port}    ${old.port}
    Should Not Be Equal    ${new.pid}    ${old.pid}
    Get Worker Count    hive    ==    1
    Get State    worker-1    ==    idle    seen_by=hive
    @{exits} =    Get Records    hive    process_exited    worker_id=worker-1
    Length Should Be    ${exits}    1
    Should Be Equal As Integers    ${exits}[0][child]    ${old.pid}

Refusing And Silent Ports Look Different
    Start Worker    hive=None
    ${refusing} =    Occupy Port    mode=refuse
    Run Keyword And Expect Error    *refused*    GET    http://127.0.0.1:${refusing}    timeout=0.5
    ${silent} =    Occupy Port    mode=ignore
    Run Keyword And Expect Error    ConnectTimeout*timed out*    GET    http://127.0.0.1:${silent}    timeout=0.2
    Release Port    ${refusing}
    Release Port    ${silent}


*** Keywords ***
Three Free Ports
    [Documentation]    Returns the first of three free ports in a row, outside the range from which the system picks.
    ${first} =    Evaluate    RbeeLibrary.run.tcp_ports.free_range(3)    modules=RbeeLibrary.run.tcp_ports
    RETURN    ${first}
