*** Settings ***
Documentation       `rbee-keeper setup`: nodes are added after a successful ssh, listed, updated and removed,
...                 and rbee is installed on them.

Library             DateTime
Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Registering A Reachable Node Stores It
    [Documentation]    One request, one ssh call, one row, and two messages on standard output.
    [Tags]    S01
    ${node} =    Queen And Node
    ${result} =    Keeper Should Succeed    setup    add-node    @{node.flags()}
    Should Have Parts    ${result.stdout}    [queen-rbee]    SSH    workstation.home.arpa
    Should Have Parts    ${result.stdout}    [queen-rbee]    'workstation'    registered
    Get Request Count    queen    POST    /v2/registry/beehives/add    ==    1
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    Should Be Equal    ${calls[0].argv[0]}    -i
    Should Be Equal    ${calls[0].argv[1]}    ${node.key}
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][status]    reachable
    Should Be Equal    ${rows}[0][ssh_host]    workstation.home.arpa

Home Is Expanded By The Keeper
    [Documentation]    The keeper expands `~` in key and install path to its own home, and the queen gets absolute paths.
    [Tags]    S01
    Queen And Node
    ${home} =    Create Keeper Home With Key
    Keeper Should Succeed
    ...    setup    add-node    --name    workstation    --ssh-host    workstation.home.arpa    --ssh-user    vince
    ...    --ssh-key    ~/.ssh/id_ed25519    --git-repo    https://x/y.git    --install-path    ~/rbee
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][ssh_key_path]    ${home}/.ssh/id_ed25519
    Should Be Equal    ${rows}[0][install_path]    ${home}/rbee

Registering An Unreachable Node Fails
    [Documentation]    ssh exits with 255, the keeper with 1, and no row is written.
    ...    The branch of the request is `main` by default.
    [Tags]    S02
    ${node} =    Queen And Node    ssh=timeout    host=unreachable.home.arpa
    ${result} =    Keeper Should Fail    setup    add-node    @{node.flags()}
    Should Have Parts    ${result.stdout}    [queen-rbee]    SSH    unreachable.home.arpa
    Should Have Parts    ${result.stdout}    [queen-rbee]    failed    Connection timeout
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    1
    Should Be Equal As Integers    ${calls[0].exit_code}    255
    @{requests} =    Get Requests    queen    POST    /v2/registry/beehives/add
    Should Be Equal    ${requests[0].body}[git_branch]    main
    Should Be Equal As Integers    ${requests[0].status}    400
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}

Registering Tries Ssh Three Times
    [Documentation]    The keeper prints each attempt.
    [Tags]    L001
    Set Time Rate    10
    ${node} =    Start Node    ssh=timeout
    Start Queen    ssh_attempts=3
    ${result} =    Keeper Should Fail    setup    add-node    @{node.flags()}
    Should Have Parts    ${result.stdout}    1/3    2/3    3/3
    Get Ssh Count    workstation    ==    3
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}

Key With Bad Permissions Is Explained
    [Tags]    L002
    ${node} =    Queen And Node    ssh=bad key
    ${result} =    Keeper Should Fail    setup    add-node    @{node.flags()}
    Should Have Parts    ${result.stdout}    Permission denied (publickey)    chmod 600 ${node.key}
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}

Key Path That Does Not Exist Is Refused By The Keeper
    [Documentation]    The queen gets no request.
    [Tags]    L004
    ${node} =    Queen And Node
    ${result} =    Keeper Should Fail    setup    add-node    @{node.flags()}    --ssh-key    /nonexistent/key
    Should Have Parts    ${result.stderr}    /nonexistent/key    not found
    No Request Should Come    queen    POST    *

Second Node With The Same Name Is Refused
    [Documentation]    The keeper names the commands that help, and `update-node` replaces the row.
    [Tags]    L005
    ${node} =    Queen And Node    node_conflict=refuse
    Keeper Should Succeed    setup    add-node    @{node.flags()}
    ${result} =    Keeper Should Fail    setup    add-node    @{node.flags()}    --git-branch    next
    Should Have Parts    ${result.stdout}    adding node 'workstation' failed    update-node    remove-node
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    main
    Keeper Should Succeed    setup    update-node    @{node.flags()}    --git-branch    next
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][git_branch]    next

Installing The Hive On A Registered Node
    [Documentation]    The keeper prints three lines, one for each stage.
    [Tags]    S03
    ${node} =    Start Node    installed=False
    Start Queen
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${result} =    Keeper Should Succeed    setup    install    --node    workstation
    @{lines} =    Split To Lines    ${result.stdout}
    Length Should Be    ${lines}    3
    Should Have Parts    ${result.stdout}    [queen-rbee]    cloning    [queen-rbee]    building    [queen-rbee]    done
    File Should Exist    ${node.install_path}/target/release/llm-worker-rbee

Installing On An Unreachable Node Fails
    [Tags]    S03
    Start Queen
    Add Hive To Registry    workstation
    Start Node    ssh=refused
    ${result} =    Keeper Should Fail    setup    install    --node    workstation
    Should Contain    ${result.stderr}    Connection refused

Listing Nodes Shows Every Node
    [Documentation]    Nodes are sorted by name. Each has the date of its row, in UTC.
    [Tags]    S04
    Start Queen
    Add Hive To Registry    workstation    install_path=/opt/rbee
    Add Hive To Registry    blep
    ${result} =    Keeper Should Succeed    setup    list-nodes
    @{rows} =    Get Rows    queen    beehives    node_name=workstation
    ${date} =    Add Time To Date    1970-01-01    ${rows}[0][last_connected_unix]    result_format=%Y-%m-%d %H:%M:%S
    Should Have Parts    ${result.stdout}    Registered nodes    blep (blep.home.arpa)    workstation (workstation.home.arpa)
    ...    Status: reachable    Last connected: ${date}    Install path: /opt/rbee

Listing No Nodes Says So
    [Tags]    S04
    Start Queen
    ${result} =    Keeper Should Succeed    setup    list-nodes
    Should Contain    ${result.stdout}    No nodes

Removing A Node Deletes Its Row
    [Documentation]    Removing the node a second time fails.
    [Tags]    S05
    Start Queen
    Add Hive To Registry    workstation
    ${result} =    Keeper Should Succeed    setup    remove-node    --name    workstation
    Should Have Parts    ${result.stdout}    [queen-rbee]    workstation    removed from registry
    @{rows} =    Get Rows    queen    beehives
    Should Be Empty    ${rows}
    ${again} =    Keeper Should Fail    setup    remove-node    --name    workstation
    Should Contain    ${again.stderr}    NODE_NOT_FOUND
    Get Request Count    queen    POST    /v2/registry/beehives/remove    ==    1    status=404


*** Keywords ***
Queen And Node
    [Documentation]    Starts a node for which ssh has this outcome, and a queen; returns the node.
    [Arguments]    ${ssh}=ok    ${host}=${None}    &{options}
    ${node} =    Start Node    ssh=${ssh}    host=${host}
    Start Queen    &{options}
    RETURN    ${node}

Create Keeper Home With Key
    [Documentation]    Creates a private key in the keeper's home; returns the path of the home.
    Run Keeper    setup    list-nodes
    ${database} =    Get Option    queen    --database
    ${folder}    ${_} =    Split Path    ${database}
    Create File    ${folder}/keeper-home/.ssh/id_ed25519
    RETURN    ${folder}/keeper-home
