*** Settings ***
Documentation       OpenSSH's own client, against a real SSH server on loopback and against a host that does not exist.

Library             OperatingSystem
Library             Process
Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Skip Without OpenSSH
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
OpenSSH Reaches The Node
    [Documentation]    The node is registered, and its hive is started, both through a real server.
    [Tags]    S01
    ${node} =    Start Node    server=real
    ${queen} =    Start Queen
    POST    ${queen.url}/v2/registry/beehives/add    json=${node.registration()}    timeout=20
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Token Count    ${answer}    ==    5
    Get State    hive    ==    idle

OpenSSH Is Refused With Another Key
    [Documentation]    The server accepts only another key.
    [Tags]    L002
    ${node} =    Start Node    server=real    ssh=denied
    ${queen} =    Start Queen
    ${answer} =    POST
    ...    ${queen.url}/v2/registry/beehives/add
    ...    json=${node.registration()}
    ...    timeout=20
    ...    expected_status=400
    Should Be Equal    ${answer.json()}[error][code]    SSH_AUTH_FAILED
    @{calls} =    Get Ssh Calls    workstation
    Should Be Equal As Integers    ${calls[0].exit_code}    255

OpenSSH Ends With 255 Where There Is No Host
    [Documentation]    The fake ssh ends like this too.
    ${result} =    Run Process
    ...    ssh
    ...    -o
    ...    BatchMode\=yes
    ...    -o
    ...    ConnectTimeout\=2
    ...    vince@unreachable.invalid
    ...    true
    ...    timeout=20s
    Should Be Equal As Integers    ${result.rc}    255
    Should Contain    ${result.stderr}    Could not resolve hostname


*** Keywords ***
Skip Without OpenSSH
    [Documentation]    Skips the test unless OpenSSH's client and the extra `ssh` are installed.
    ${there} =    Evaluate
    ...    shutil.which("ssh") and importlib.util.find_spec("asyncssh")
    ...    modules=shutil,importlib.util
    Skip If
    ...    not $there
    ...    OpenSSH's client or asyncssh is not installed: apt-get install openssh-client, pip install '.[ssh]'
