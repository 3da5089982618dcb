*** Settings ***
Documentation       A queen installs rbee on a node, starts the node's hive when it is needed, and ends it when it ends itself,
...                 all over ssh.

Library             OperatingSystem
Library             String
Library             RequestsLibrary
Library             ../../resources/event_reader.py
Library             ../../resources/together.py
Resource            ../../resources/rbee.resource

Test Setup          Set Time Rate    10
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Installing The Hive On A Registered Node
    [Documentation]    ssh gets the script on its standard input, and the answer streams the stages as they are reached.
    [Tags]    S03
    ${node} =    Start Node    installed=False
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    Install Should Reach    ${queen}    cloning    building    done
    @{calls} =    Get Ssh Calls    workstation
    ${lines} =    Get Lines Matching Regexp    ${calls[-1].stdin}    .+
    VAR    ${script}
    ...    set -e
    ...    cd *rbee*
    ...    git clone https://github.com/user/llama-orch.git .
    ...    git checkout main
    ...    echo 'rbee-stage building'
    ...    cargo build --release --bin rbee-hive
    ...    cargo build --release --bin llm-worker-rbee
    ...    separator=\n
    Should Match    ${lines}    ${script}
    File Should Exist    ${node.install_path}/target/release/rbee-hive

Failed Installation Says Why
    [Documentation]    The node was registered, but ssh no longer reaches it.
    [Tags]    S03
    Start Queen
    Add Hive To Registry    workstation
    Start Node    ssh=refused
    ${queen} =    Get Daemon    queen
    Install Should Reach    ${queen}    cloning    error

Ssh Is Run By The Queen
    [Documentation]    While ssh runs, its process is a child of the queen.
    [Tags]    S03
    ${node} =    Start Node    delay=300ms
    ${queen} =    Start Queen
    Post In The Background    ${queen.url}/v2/registry/beehives/add    ${node.registration()}
    Get Child Count    queen    >=    1
    Get Request Count    queen    POST    /v2/registry/beehives/add    ==    1    status=200

Installation Is Run By The Queen
    [Documentation]    While the script runs on the node, its ssh is a child of the queen.
    [Tags]    S03
    ${node} =    Start Node    installed=False    delay=300ms
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    VAR    &{body}    node_name=workstation
    ${answer} =    Post In The Background    ${queen.url}/v2/registry/beehives/install    ${body}
    Get Child Count    queen    >=    1
    Should Contain    ${answer.result().text}    "stage":"done"
    Get Child Count    queen    ==    0

Hive Is Started When It Is Needed
    [Documentation]    No hive runs on the node. The queen starts it with one ssh call, waits until it answers, and goes on.
    [Tags]    S07
    ${node} =    Start Node
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Token Count    ${answer}    ==    5
    @{calls} =    Get Ssh Calls    workstation
    Length Should Be    ${calls}    2
    Should Contain    ${calls[1].argv[-1]}    daemon --addr 127.0.0.1:
    Should Contain    ${calls[1].argv[-1]}    RBEE_QUEEN_URL=${queen.url} RBEE_NODE_NAME=workstation
    Get State    hive    ==    idle
    Get Command Line    hive    contains    daemon --addr
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][status]    reachable

Hive That Runs Is Not Started Again
    [Tags]    S52
    ${node} =    Start Node
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    FOR    ${prompt}    IN    good morning    good evening
        ${answer} =    Submit Inference    ${prompt}    max_tokens=5
        Wait Until Inference Ends    ${answer}    within=10s
        Get Token Count    ${answer}    ==    5
    END
    Get Ssh Count    workstation    ==    2

Hive That Was Installed Is Found Where Cargo Put It
    [Tags]    S03
    ${node} =    Start Node    installed=False
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    Install Should Reach    ${queen}    cloning    building    done
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Inference State    ${answer}    ==    done
    Get Command Line    hive    contains    daemon

Missing Hive Binary Is Explained
    [Documentation]    ssh works, but the install path has no hive: exit code 127 on the node, an error with a hint for the user.
    [Tags]    L003
    ${node} =    Start Node    installed=False
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    good morning
    Wait Until Inference Ends    ${answer}
    Get Inference Error    ${answer}    ==    HIVE_NOT_INSTALLED
    Should Be Equal As Integers    ${answer.status}    503
    Should Contain    ${answer.error}[message]    command not found
    Should Contain    ${answer.error}[message]    setup install --node workstation
    @{calls} =    Get Ssh Calls    workstation
    Should Be Equal As Integers    ${calls[-1].exit_code}    127
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][status]    unreachable
    Should Contain    ${rows}[0][last_error]    command not found

Node That Ssh Does Not Reach Is Marked
    [Tags]    S14
    Start Queen
    Add Hive To Registry    workstation
    Start Node    ssh=timeout
    ${answer} =    Submit Inference    good morning
    Wait Until Inference Ends    ${answer}
    Get Inference Error    ${answer}    ==    SSH_TIMEOUT
    @{rows} =    Get Rows    queen    beehives
    Should Be Equal    ${rows}[0][status]    unreachable

Queen Ends The Hive That It Started
    [Documentation]    The queen sends SIGTERM over ssh to the pid that the start has returned. The worker ends with its hive.
    [Tags]    S51
    ${node} =    Start Node
    ${queen} =    Start Queen    cascade=owned
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    ${hive} =    Get Daemon    hive
    Stop    queen
    Get Exit Code    hive    ==    0
    Get Exit Code    mock-worker-1    ==    0
    @{calls} =    Get Ssh Calls    workstation
    Should Be Equal    ${calls[-1].argv[-1]}    kill -TERM ${hive.pid}

Ctrl+C Ends The Hive That The Queen Has Started
    [Documentation]    SIGINT to the queen is an end like any other: hive and worker end before it.
    [Tags]    S51
    ${node} =    Start Node
    ${queen} =    Start Queen    cascade=owned
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Interrupt    queen
    Get Exit Code    queen    ==    0
    Get Exit Code    hive    ==    0
    Get Exit Code    mock-worker-1    ==    0

Queen Without A Cascade Leaves The Hive Alone
    [Tags]    S50
    ${node} =    Start Node
    ${queen} =    Start Queen    cascade=none
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Stop    queen
    Get State    hive    ==    idle
    Get State    mock-worker-1    ==    idle

Queen That Ends While It Starts A Hive Leaves None Behind
    [Documentation]    SIGTERM arrives while ssh is on its way. The queen waits for ssh, and ends the hive that it has started.
    [Setup]    NONE
    ${node} =    Start Node    delay=500ms
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    ${answer} =    Submit Inference    never mind
    Get Ssh Count    workstation    ==    2    within=5s
    Stop    queen
    Wait Until Inference Ends    ${answer}
    @{calls} =    Get Ssh Calls    workstation
    Should Start With    ${calls[2].argv[-1]}    kill -TERM${SPACE}
    No Process Should Be Left


*** Keywords ***
Register
    [Documentation]    Adds a node to the queen's registry with a request.
    [Arguments]    ${queen}    ${node}
    POST    ${queen.url}/v2/registry/beehives/add    json=${node.registration()}    timeout=20

Install Should Reach
    [Documentation]    Installs rbee on the node. The answer streams these stages, and then ends.
    [Arguments]    ${queen}    @{expected}
    VAR    &{body}    node_name=workstation
    ${answer} =    POST    ${queen.url}/v2/registry/beehives/install    json=${body}    timeout=20
    Should Be Equal    ${answer.headers}[Content-Type]    text/event-stream
    Should End With    ${answer.text}    data: [DONE]\n\n
    @{events} =    Parse Events    ${answer.text}
    @{stages} =    Get Field Of Each    ${events}[:-1]    stage
    Should Be Equal    ${stages}    ${expected}
