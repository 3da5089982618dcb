*** Settings ***
Documentation       A queen installs rbee on a node, starts the node's hive when it is needed, and ends it with itself:
...                 all over ssh.

Library             Collections
Library             OperatingSystem
Library             RequestsLibrary
Library             ../../resources/together.py
Resource            ../../resources/rbee.resource

Test Setup          Set Time Rate    10
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Installing The Hive On A Registered Node
    [Documentation]    The script goes to ssh's standard input, in its order; the stages come as they are reached.
    [Tags]    S03
    ${node} =    Start Node    installed=False
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    @{stages} =    Install    ${queen}
    Should Be Equal    ${stages}    ${{ ["cloning", "building", "done"] }}
    @{calls} =    Get Ssh Calls    workstation
    @{lines} =    Evaluate    [line for line in $calls[-1].stdin.splitlines() if line]
    VAR    @{script}
    ...    set -e
    ...    cd ${node.install_path}
    ...    git clone https://github.com/user/llama-orch.git .
    ...    git checkout main
    ...    echo 'rbee-stage building'
    ...    cargo build --release --bin rbee-hive
    ...    cargo build --release --bin llm-worker-rbee
    Lists Should Be Equal    ${lines}    ${script}
    File Should Exist    ${node.install_path}/target/release/rbee-hive

Failed Installation Says Why
    [Documentation]    ssh to the node does not work any more.
    [Tags]    S03
    Start Queen
    Add Hive To Registry    workstation
    Start Node    ssh=refused
    ${queen} =    Get Daemon    queen
    @{stages} =    Install    ${queen}
    Should Be Equal    ${stages}    ${{ ["cloning", "error"] }}

Ssh Is Run By The Queen
    [Documentation]    While ssh takes its time, its process is a child of the queen.
    [Tags]    S03
    ${node} =    Start Node    delay=300ms
    ${queen} =    Start Queen
    Post In The Background    ${queen.url}/v2/registry/beehives/add    ${node.registration()}
    Get Child Count    queen    >=    1
    Get Request Count    queen    POST    /v2/registry/beehives/add    ==    1    status=200

Hive Is Started When It Is Needed
    [Documentation]    Nothing accepts at the node: the queen starts its hive with one ssh call, waits for it, and goes on.
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
    END
    Get Ssh Count    workstation    ==    2

Hive That Was Installed Is Found Where Cargo Put It
    [Tags]    S03
    ${node} =    Start Node    installed=False
    ${queen} =    Start Queen
    Register    ${queen}    ${node}
    Install    ${queen}
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Inference State    ${answer}    ==    done
    Get Command Line    hive    contains    daemon

Missing Hive Binary Is Explained
    [Documentation]    ssh works, the install path has no hive: exit code 127 there, an error with a hint here.
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
    [Documentation]    SIGTERM over ssh to the pid it was told; the worker ends with its hive.
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


*** Keywords ***
Register
    [Documentation]    Adds a node to the queen's registry, over its API.
    [Arguments]    ${queen}    ${node}
    POST    ${queen.url}/v2/registry/beehives/add    json=${node.registration()}    timeout=20

Install
    [Documentation]    Installs rbee on the node and returns the stages.
    [Arguments]    ${queen}
    ${answer} =    POST
    ...    ${queen.url}/v2/registry/beehives/install
    ...    json=${{ {"node_name": "workstation"} }}
    ...    timeout=20
    Should Be Equal    ${answer.headers}[Content-Type]    text/event-stream
    @{stages} =    Evaluate
    ...    [json.loads(line[6:])["stage"] for line in $answer.text.splitlines() if line.startswith("data: {")]
    ...    modules=json
    Should End With    ${answer.text}    data: [DONE]\n\n
    RETURN    ${stages}
