*** Settings ***
Documentation       The queen's registry of nodes: a node is added after a successful ssh, listed, replaced and removed.

Library             RequestsLibrary
Library             ../../resources/together.py
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${PROBE}           echo 'connection test'
&{REGISTRATION}
...    node_name=workstation
...    ssh_host=workstation.home.arpa
...    ssh_user=vince
...    git_repo_url=https://github.com/user/llama-orch.git
...    install_path=/opt/rbee


*** Test Cases ***
Hive Of A Registered Node Is Asked At The Usual Port
    [Documentation]    A hive that the queen has not started is looked for on the node's host, at the port of all hives.
    [Tags]    S07
    ${hive} =    Start Hive    workstation    queen=None
    Start Queen    hive_port=${hive.port}
    Add Hive To Registry    workstation    ssh_host=127.0.0.1
    ${answer} =    Submit Inference    good morning    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Request Count    workstation    POST    /v1/workers/spawn    ==    1

Registering A Reachable Node Stores It
    [Documentation]    One ssh call with the arguments of the contract, then one row with all thirteen columns.
    [Tags]    S01
    ${queen}    ${node} =    Queen And Node
    ${before} =    Get Clock Date
    ${answer} =    Register    ${queen}    ${node.registration()}
    VAR    &{success}    success=${True}    message=node 'workstation' is registered    node_name=workstation
    Dictionaries Should Be Equal    ${answer}    ${success}
    Ssh Should Have Probed
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    1
    Should Be Between    ${rows}[0][last_connected_unix]    ${before - 1}    ${before + 60}
    VAR    &{expected}
    ...    &{node.registration()}
    ...    last_connected_unix=${rows}[0][last_connected_unix]
    ...    last_error=${None}
    ...    status=reachable
    ...    backends=${None}
    ...    devices=${None}
    Dictionaries Should Be Equal    ${rows}[0]    ${expected}

Registering An Unreachable Node Fails
    [Documentation]    ssh times out with its exit code 255, and no row is written.
    [Tags]    S02
    ${queen}    ${node} =    Queen And Node    ssh=timeout    host=unreachable.home.arpa
    ${answer} =    Register    ${queen}    ${node.registration()}    status=400
    Should Be Equal    ${answer}[success]    ${False}
    Should Be Equal    ${answer}[message]    Connection timeout
    Should Be Equal    ${answer}[error][code]    SSH_TIMEOUT
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    Should Be Equal As Integers    ${calls[0].exit_code}    255
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}

Every Failure Of Ssh Has Its Own Reason
    [Documentation]    Each outcome of ssh has its code and message, and none leaves a row.
    [Tags]    S02    L002
    [Template]    Registration Should Fail
    timeout    SSH_TIMEOUT    Connection timeout
    refused    SSH_FAILED    Connection refused
    denied    SSH_AUTH_FAILED    Permission denied (publickey)
    bad key    SSH_AUTH_FAILED    Permission denied (publickey)
    unresolved    SSH_FAILED    Host not found
    missing    SSH_FAILED    ssh failed with exit code 127
    lost    SSH_CONNECTION_LOST    Connection lost during the command
    host key changed    SSH_HOST_KEY_CHANGED    Host key has changed    ssh_host_key_checking=accept-new
    hangs    SSH_COMMAND_TIMEOUT    Command did not end in time    ssh_connect_timeout=1s    ssh_timeout=1200ms

Changed Host Key Is Taken Where Any Key Is
    [Documentation]    By default the queen tells ssh to take any host key. A changed one is then no obstacle.
    ${queen}    ${node} =    Queen And Node    ssh=host key changed
    Register    ${queen}    ${node.registration()}
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    1

Slow Login Is No Failure
    Start Node    delay=300 ms
    ${queen} =    Start Queen
    VAR    &{slow}    &{REGISTRATION}    ssh_host=workstation.home.arpa
    Register    ${queen}    ${slow}

Login That Takes Too Long Is A Connection Timeout
    [Documentation]    ssh gives up by itself, before the limit of the queen.
    Start Node    delay=1 h
    ${queen} =    Start Queen    ssh_connect_timeout=1s
    VAR    &{slow}    &{REGISTRATION}    ssh_host=workstation.home.arpa
    ${answer} =    Register    ${queen}    ${slow}    status=400
    Should Be Equal    ${answer}[error][code]    SSH_TIMEOUT
    @{calls} =    Get Ssh Calls    workstation
    Should Be Equal As Integers    ${calls[0].exit_code}    255

Host Key That Has Changed And A Command That Hangs Are Told Apart
    [Documentation]    The keeper says what happened and what to do. Neither leaves a row or a process.
    [Tags]    U03
    [Template]    Keeper Should Say Why A Node Is Not Added
    host key changed    Host key has changed
    hangs    Command did not end in time

Missing Ssh Program Is Told Apart
    [Tags]    S02
    ${queen} =    Start Queen    ssh_program=/nowhere/ssh
    ${answer} =    Register    ${queen}    ${REGISTRATION}    status=400
    Should Be Equal    ${answer}[message]    ssh program not found

Registering Tries Ssh Three Times
    [Documentation]    The pauses before the calls are 0, 200 and 400 ms of the run's clock.
    [Tags]    L001
    Set Time Rate    0
    ${node} =    Start Node    ssh=timeout
    ${queen} =    Start Queen    ssh_attempts=3
    ${answer} =    Register While Time Goes On    ${queen}    ${node.registration()}    2 s
    Should Be Equal    ${answer}[error][code]    SSH_TIMEOUT
    Should Be Equal    ${answer}[error][details]    {"attempts": 3}    type=dict
    @{records} =    Get Records    queen    ssh
    ${pauses} =    Get Gaps    ${records}
    Should Be Equal    ${pauses}    [200, 400]    type=list[int]

Second Registration Replaces The First
    [Tags]    L005
    ${queen}    ${node} =    Queen And Node
    Register    ${queen}    ${node.registration()}
    VAR    &{second}    &{node.registration()}    git_branch=next
    Register    ${queen}    ${second}
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    1
    Should Be Equal    ${rows}[0][git_branch]    next

Second Node With The Same Name Is Refused
    [Documentation]    A queen with `node_conflict=refuse` keeps the row as it is; only an update replaces it.
    [Tags]    L005
    ${queen}    ${node} =    Queen And Node    node_conflict=refuse
    Register    ${queen}    ${node.registration()}
    VAR    &{second}    &{node.registration()}    git_branch=next
    ${answer} =    Register    ${queen}    ${second}    status=409
    Should Be Equal    ${answer}[error][code]    NODE_ALREADY_EXISTS
    Should Contain    ${answer}[message]    update-node
    Should Contain    ${answer}[message]    remove-node
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    main
    VAR    &{update}    &{second}    update=${True}
    Register    ${queen}    ${update}
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    next

Nodes Are Listed By Name
    [Documentation]    The list has all rows with all their columns.
    [Tags]    S04
    ${queen} =    Start Queen
    Add Hive To Registry    workstation
    Add Hive To Registry    blep
    ${answer} =    GET    ${queen.url}/v2/registry/beehives/list    timeout=5
    @{names} =    Get Field Of Each    ${answer.json()}[nodes]    node_name
    VAR    @{expected}    blep    workstation
    Should Be Equal    ${names}    ${expected}
    @{rows} =    Get Rows    queen    beehives    node_name=blep
    Dictionaries Should Be Equal    ${answer.json()}[nodes][0]    ${rows}[0]

Removing A Node Deletes Its Row
    [Documentation]    The second time there is nothing to remove.
    [Tags]    S05
    ${queen} =    Start Queen
    Add Hive To Registry    workstation
    VAR    &{body}    node_name=workstation
    ${answer} =    POST    ${queen.url}/v2/registry/beehives/remove    json=${body}    timeout=5
    Should Be Equal    ${answer.json()}[message]    node 'workstation' removed from registry
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    ${again} =    POST    ${queen.url}/v2/registry/beehives/remove    json=${body}    timeout=5    expected_status=404
    Should Be Equal    ${again.json()}[error][code]    NODE_NOT_FOUND
    Should Be Equal    ${again.json()}[success]    ${False}

Inference On An Unknown Node Is Refused
    [Documentation]    The queen neither runs ssh nor sends a request.
    [Tags]    S06
    Queen And Node
    ${answer} =    Submit Inference    hello    node=workstation
    Wait Until Inference Ends    ${answer}
    Get Inference Error    ${answer}    ==    NODE_NOT_FOUND
    Should Be Equal As Integers    ${answer.status}    404
    Get Ssh Count    workstation    ==    0
    @{sent} =    Get Records    queen    request_out
    Should Be Empty    ${sent}

Registry Outlives Its Queen
    [Documentation]    The queen is killed right after its answer, and the row is there.
    [Tags]    S01
    ${queen}    ${node} =    Queen And Node
    Register    ${queen}    ${node.registration()}
    Kill    queen
    ${queen} =    Restart    queen
    ${answer} =    GET    ${queen.url}/v2/registry/beehives/list    timeout=5
    Should Be Equal    ${answer.json()}[nodes][0][node_name]    workstation

Mock Ssh Runs No Ssh
    [Documentation]    With MOCK_SSH set, even to nothing, a host called unreachable fails, and every other host succeeds.
    [Tags]    S01
    Start Node    ssh=timeout
    VAR    &{env}    MOCK_SSH=${EMPTY}
    ${queen} =    Start Queen    env=${env}
    Register    ${queen}    ${REGISTRATION}
    VAR    &{unreachable}    &{REGISTRATION}    ssh_host=unreachable.home.arpa
    ${answer} =    Register    ${queen}    ${unreachable}    status=400
    Should Be Equal    ${answer}[message]    Connection timeout
    Get Ssh Count    workstation    ==    0

Bad Registration Gets All Its Problems
    [Documentation]    Fields are missing, and ssh would take the host for an option. The answer names each of these fields.
    ${queen} =    Start Queen
    VAR    &{body}    node_name=n    ssh_host=-oProxyCommand=touch /tmp/x
    ${answer} =    Register    ${queen}    ${body}    status=400
    Should Be Equal    ${answer}[error][code]    INVALID_REQUEST
    @{fields} =    Get Field Of Each    ${answer}[error][details][errors]    field
    VAR    @{expected}    ssh_host    ssh_user    git_repo_url    install_path
    Should Be Equal    ${fields}    ${expected}
    Should Be Equal    ${answer}[success]    ${False}
    Should Be Equal    ${answer}[message]    ${answer}[error][message]
    Should Be Equal    ${answer}[node_name]    n

Host Of A Node May Be An IPv6 Address
    ${queen}    ${node} =    Queen And Node    host=fd00::1
    Register    ${queen}    ${node.registration()}
    @{calls} =    Get Ssh Calls    workstation
    Should Be Equal    ${calls[0].host}    fd00::1

Call Of Ssh That Hangs Is Recorded
    [Documentation]    ssh is killed at its limit; the call has no exit code then, and no end.
    Start Node    delay=1 h
    ${queen} =    Start Queen    ssh_timeout=1s
    VAR    &{hanging}    &{REGISTRATION}    ssh_host=workstation.home.arpa
    ${answer} =    Register    ${queen}    ${hanging}    status=400
    Should Be Equal    ${answer}[error][code]    SSH_TIMEOUT
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    Should Contain    ${calls[0].argv}    ${PROBE}
    Should Be Equal    ${calls[0].exit_code}    ${None}
    Should Be Equal    ${calls[0].end}    ${None}


*** Keywords ***
Queen And Node
    [Documentation]    Starts a node for which ssh has this outcome, and a queen; returns both.
    [Arguments]    ${ssh}=ok    ${host}=${None}    &{options}
    ${node} =    Start Node    ssh=${ssh}    host=${host}
    ${queen} =    Start Queen    &{options}
    RETURN    ${queen}    ${node}

Register
    [Documentation]    Sends a registration to the queen; returns the body of the answer.
    [Arguments]    ${queen}    ${body}    ${status}=200
    ${answer} =    POST
    ...    ${queen.url}/v2/registry/beehives/add
    ...    json=${body}
    ...    timeout=20
    ...    expected_status=${status}
    RETURN    ${answer.json()}

Register While Time Goes On
    [Documentation]    Sends a registration and moves the clock while the queen waits; returns the body of the answer.
    [Arguments]    ${queen}    ${body}    ${by}
    ${future} =    Post In The Background    ${queen.url}/v2/registry/beehives/add    ${body}
    Wait Until Timer    queen    ssh-pause    within=5s
    Advance Time    ${by}
    ${answer} =    Call Method    ${future}    result    ${20}
    RETURN    ${answer.json()}

Ssh Should Have Probed
    [Documentation]    ssh ran once, with exactly the arguments of the contract, and succeeded.
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    VAR    @{argv}
    ...    -o    ConnectTimeout=10
    ...    -o    BatchMode=yes
    ...    -o    StrictHostKeyChecking=no
    ...    -p    22
    ...    vince@workstation.home.arpa    ${PROBE}
    Should Contain    ${calls[0].argv[1]}    /id_ed25519
    Should Be Equal    ${calls[0].argv[2:]}    ${argv}
    Should Be Equal As Integers    ${calls[0].exit_code}    0

Keeper Should Say Why A Node Is Not Added
    [Documentation]    With this outcome of ssh the keeper ends with 1 and prints this reason.
    [Arguments]    ${outcome}    ${reason}
    ${node} =    Start Node    ssh=${outcome}
    Start Queen    ssh_host_key_checking=accept-new    ssh_connect_timeout=1s    ssh_timeout=1200ms
    VAR    @{address}    --ssh-host    ${node.host}    --ssh-user    vince
    VAR    @{sources}    --git-repo    https://example.org/rbee.git    --install-path    ~/rbee
    ${result} =    Run Keeper    setup    add-node    --name    workstation    @{address}    @{sources}
    Should Be Equal As Integers    ${result.rc}    1
    Should Contain    ${result.stderr}    ${reason}
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    Stop    queen

Registration Should Fail
    [Documentation]    With this outcome of ssh, the registration fails with this code and reason.
    [Arguments]    ${outcome}    ${code}    ${reason}    &{options}
    ${queen}    ${node} =    Queen And Node    ssh=${outcome}    &{options}
    ${answer} =    Register    ${queen}    ${node.registration()}    status=400
    Should Be Equal    ${answer}[error][code]    ${code}
    Should Be Equal    ${answer}[message]    ${reason}
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    Stop    queen
