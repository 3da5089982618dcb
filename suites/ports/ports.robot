*** Settings ***
Documentation       Ports that are taken: the next one is used where any will do, the error names the holder elsewhere.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Wanted Port That Is Taken Is Explained
    ${port} =    Occupy Port
    Run Keyword And Expect Error    *port ${port} is taken by pid *(*robot*)*
    ...    Start Queen    port=${port}

Spawn Takes The Next Port
    [Documentation]    A hive with three ports; the first is held by somebody else.
    [Tags]    L014
    ${first} =    Three Free Ports
    Start Hive    worker_ports=${first}-${first + 2}
    Occupy Port    ${first}
    ${worker} =    Start Worker
    Should Be Equal As Integers    ${worker.port}    ${first + 1}

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

Refusing And Silent Ports Look Different
    Start Worker    hive=None
    ${refusing} =    Occupy Port    mode=refuse
    Run Keyword And Expect Error    *refused*    Evaluate    socket.create_connection(('127.0.0.1', ${refusing}), 0.5)
    ${silent} =    Occupy Port    mode=ignore
    Run Keyword And Expect Error    *timed out*    Evaluate    socket.create_connection(('127.0.0.1', ${silent}), 0.5)
    Release Port    ${refusing}
    Release Port    ${silent}


*** Keywords ***
Three Free Ports
    [Documentation]    The first of three ports in a row that nobody holds, below those that the system picks.
    ${first} =    Evaluate    RbeeLibrary.run.ports.free_range(3)    modules=RbeeLibrary.run.ports
    RETURN    ${first}
