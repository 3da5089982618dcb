*** Settings ***
Documentation       Long intervals in real time, without `Advance Time`. They show that the programs keep rbee's intervals
...                 on the machine's clock too.
...
...                 Out by default; `robot -v SLOW:none suites/` brings it in. It takes about six minutes.

Library             RequestsLibrary
Resource            ../resources/rbee.resource

Test Tags           slow    ${SLOW}


*** Variables ***
${SLOW}     robot:exclude


*** Test Cases ***
Idle Worker Is Shut Down After Five Real Minutes
    [Documentation]    Alive at 295 s, gone at 305 s; eleven health checks meanwhile.
    [Tags]    S45    S48
    Start Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    No Request Should Come    worker-1    POST    /v1/admin/shutdown    during=295s
    Get State    worker-1    ==    idle
    Get Exit Code    worker-1    ==    0    within=10s
    Get Request Count    worker-1    GET    /v1/health    >=    9
    Get State    hive    ==    idle

Silent Worker Is Removed After Three Real Misses
    [Documentation]    Three checks, 30 s apart, each with a limit of 5 s.
    [Tags]    S47
    Start Fleet    workers=1
    Get Request Count    hive    POST    /v1/workers/ready    ==    1    status=200
    Freeze    worker-1
    Get Worker Count    hive    ==    0    within=110s
    Get Exit Code    worker-1    ==    -9    within=15s

OpenSSH Gives Up A Host That Does Not Answer
    [Documentation]    The backlog of the port is full. Only ssh's own ConnectTimeout, in real time, ends the attempt.
    [Tags]    S02
    ${port} =    Occupy Port    mode=ignore
    ${queen} =    Start Queen    ssh_connect_timeout=1s
    VAR    &{body}    node_name=n    ssh_host=127.0.0.1    ssh_port=${port}    ssh_user=vince    git_repo_url=x    install_path=/x
    ${answer} =    POST    ${queen.url}/v2/registry/beehives/add    json=${body}    timeout=20    expected_status=400
    Should Be Equal    ${answer.json()}[error][code]    SSH_TIMEOUT
    Should Be Equal    ${answer.json()}[message]    Connection timeout
