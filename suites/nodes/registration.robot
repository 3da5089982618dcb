*** Settings ***
Documentation       A queen knows nodes: it registers one after a successful ssh, lists them, and forgets them when it is told to.

Library             Collections
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
Registering A Reachable Node Stores It
    [Documentation]    One ssh call with the contract's words, then one row with all thirteen columns.
    [Tags]    S01
    ${queen}    ${node} =    Queen And Node
    ${before} =    Get Clock Date
    ${answer} =    Register    ${queen}    ${node.registration()}
    Should Be Equal
    ...    ${answer}
    ...    ${{ {"success": True, "message": "node 'workstation' is registered", "node_name": "workstation"} }}
    Ssh Should Have Probed    ${node}
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    1
    Should Be True    ${before} - 1 <= ${rows}[0][last_connected_unix] <= ${before} + 60
    VAR    &{expected}
    ...    &{node.registration()}
    ...    last_connected_unix=${rows}[0][last_connected_unix]
    ...    last_error=${None}
    ...    status=reachable
    ...    backends=${None}
    ...    devices=${None}
    Dictionaries Should Be Equal    ${rows}[0]    ${expected}

Registering An Unreachable Node Fails
    [Documentation]    ssh times out with its own code 255: no row.
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
    [Documentation]    Not every one is a time-out; none leaves a row.
    [Tags]    S02    L002
    [Template]    Registration Should Fail
    timeout    SSH_TIMEOUT    Connection timeout
    refused    SSH_FAILED    Connection refused
    denied    SSH_AUTH_FAILED    Permission denied (publickey)
    bad key    SSH_AUTH_FAILED    Permission denied (publickey)
    unresolved    SSH_FAILED    Host not found
    missing    SSH_FAILED    ssh failed with exit code 127

Missing Ssh Program Is Told Apart
    [Tags]    S02
    ${queen} =    Start Queen    ssh_program=/nowhere/ssh
    ${answer} =    Register    ${queen}    ${{ {**$REGISTRATION} }}    status=400
    Should Be Equal    ${answer}[message]    ssh program not found

Registering Tries Ssh Three Times
    [Documentation]    Pauses of 0, 200 and 400 ms on the run's clock before the calls.
    [Tags]    L001
    Set Time Rate    0
    ${node} =    Start Node    ssh=timeout
    ${queen} =    Start Queen    ssh_attempts=3
    ${answer} =    Register While Time Goes On    ${queen}    ${node.registration()}    2 s
    Should Be Equal    ${answer}[error][code]    SSH_TIMEOUT
    Should Be Equal    ${answer}[error][details]    ${{ {"attempts": 3} }}
    @{records} =    Get Records    queen    ssh
    @{pauses} =    Evaluate    [round(1000 * (b["clock"] - a["clock"])) for a, b in zip($records, $records[1:])]
    Should Be Equal    ${pauses}    ${{ [200, 400] }}

Second Registration Replaces The First
    [Tags]    L005
    ${queen}    ${node} =    Queen And Node
    Register    ${queen}    ${node.registration()}
    Register    ${queen}    ${{ {**$node.registration(), "git_branch": "next"} }}
    @{rows} =    Get Rows    queen    beehives
    Length Should Be    ${rows}    1
    Should Be Equal    ${rows}[0][git_branch]    next

Second Node With The Same Name Is Refused
    [Documentation]    Where the queen is told to refuse: the row stays as it is, but for an update.
    [Tags]    L005
    ${queen}    ${node} =    Queen And Node    node_conflict=refuse
    Register    ${queen}    ${node.registration()}
    ${answer} =    Register    ${queen}    ${{ {**$node.registration(), "git_branch": "next"} }}    status=409
    Should Be Equal    ${answer}[error][code]    NODE_ALREADY_EXISTS
    Should Contain    ${answer}[message]    update-node
    Should Contain    ${answer}[message]    remove-node
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    main
    Register    ${queen}    ${{ {**$node.registration(), "git_branch": "next", "update": True} }}
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    next

Nodes Are Listed By Name
    [Documentation]    All columns of all rows, as they are in the file.
    [Tags]    S04
    ${queen} =    Start Queen
    Add Hive To Registry    workstation
    Add Hive To Registry    blep
    ${answer} =    GET    ${queen.url}/v2/registry/beehives/list    timeout=5
    @{names} =    Evaluate    [node["node_name"] for node in $answer.json()["nodes"]]
    Should Be Equal    ${names}    ${{ ["blep", "workstation"] }}
    @{rows} =    Get Rows    queen    beehives    node_name=blep
    Dictionaries Should Be Equal    ${answer.json()}[nodes][0]    ${rows}[0]

Removing A Node Deletes Its Row
    [Documentation]    The second time there is nothing to remove.
    [Tags]    S05
    ${queen} =    Start Queen
    Add Hive To Registry    workstation
    ${body} =    Evaluate    {"node_name": "workstation"}
    ${answer} =    POST    ${queen.url}/v2/registry/beehives/remove    json=${body}    timeout=5
    Should Be Equal    ${answer.json()}[message]    node 'workstation' removed from registry
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    ${again} =    POST    ${queen.url}/v2/registry/beehives/remove    json=${body}    timeout=5    expected_status=404
    Should Be Equal    ${again.json()}[error][code]    NODE_NOT_FOUND
    Should Be Equal    ${again.json()}[success]    ${False}

Inference On An Unknown Node Is Refused
    [Documentation]    Nothing else happens: no ssh, no request to anybody.
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
    [Documentation]    SIGKILL right after the answer: the row is there.
    [Tags]    S01
    ${queen}    ${node} =    Queen And Node
    Register    ${queen}    ${node.registration()}
    Kill    queen
    ${queen} =    Restart    queen
    ${answer} =    GET    ${queen.url}/v2/registry/beehives/list    timeout=5
    Should Be Equal    ${answer.json()}[nodes][0][node_name]    workstation

Mock Ssh Runs No Ssh
    [Documentation]    MOCK_SSH counts by its mere presence: a host called unreachable fails, every other one succeeds.
    [Tags]    S01
    Start Node    ssh=timeout
    ${queen} =    Start Queen    env=${{ {"MOCK_SSH": ""} }}
    Register    ${queen}    ${REGISTRATION}
    ${answer} =    Register    ${queen}    ${{ {**$REGISTRATION, "ssh_host": "unreachable.home.arpa"} }}    status=400
    Should Be Equal    ${answer}[message]    Connection timeout
    Get Ssh Count    workstation    ==    0

Bad Registration Gets All Its Problems
    [Documentation]    Missing fields, and a host that ssh would take for an option.
    ${queen} =    Start Queen
    ${answer} =    Register
    ...    ${queen}
    ...    ${{ {"node_name": "n", "ssh_host": "-oProxyCommand=touch /tmp/x"} }}
    ...    status=400
    Should Be Equal    ${answer}[error][code]    INVALID_REQUEST
    @{fields} =    Evaluate    [error["field"] for error in $answer["error"]["details"]["errors"]]
    Should Be Equal    ${fields}    ${{ ["ssh_host", "ssh_user", "git_repo_url", "install_path"] }}


*** Keywords ***
Queen And Node
    [Documentation]    A queen, and a node that ssh to which ends as told.
    [Arguments]    ${ssh}=ok    ${host}=${None}    &{options}
    ${node} =    Start Node    ssh=${ssh}    host=${host}
    ${queen} =    Start Queen    &{options}
    RETURN    ${queen}    ${node}

Register
    [Documentation]    POST /v2/registry/beehives/add; returns the body of the answer.
    [Arguments]    ${queen}    ${body}    ${status}=200
    ${answer} =    POST
    ...    ${queen.url}/v2/registry/beehives/add
    ...    json=${body}
    ...    timeout=20
    ...    expected_status=${status}
    RETURN    ${answer.json()}

Register While Time Goes On
    [Documentation]    The same, with the clock moved while the queen waits.
    [Arguments]    ${queen}    ${body}    ${by}
    ${future} =    Post In The Background    ${queen.url}/v2/registry/beehives/add    ${body}
    Wait Until Timer    queen    ssh-pause    within=5s
    Advance Time    ${by}
    ${answer} =    Call Method    ${future}    result    ${20}
    RETURN    ${answer.json()}

Ssh Should Have Probed
    [Documentation]    Once, with exactly the words of the contract, and with success.
    [Arguments]    ${node}
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    VAR    @{argv}
    ...    -i    ${node.key}
    ...    -o    ConnectTimeout=10
    ...    -o    BatchMode=yes
    ...    -o    StrictHostKeyChecking=no
    ...    -p    22
    ...    vince@workstation.home.arpa    ${PROBE}
    Lists Should Be Equal    ${calls[0].argv}    ${argv}
    Should Be Equal As Integers    ${calls[0].exit_code}    0

Registration Should Fail
    [Documentation]    With this outcome of ssh, for this reason.
    [Arguments]    ${outcome}    ${code}    ${reason}
    ${queen}    ${node} =    Queen And Node    ssh=${outcome}
    ${answer} =    Register    ${queen}    ${node.registration()}    status=400
    Should Be Equal    ${answer}[error][code]    ${code}
    Should Be Equal    ${answer}[message]    ${reason}
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    Stop    queen
