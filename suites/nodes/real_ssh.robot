*** Settings ***
Documentation       OpenSSH's own client, against a real SSH server on loopback, and against nobody.

Library             OperatingSystem
Library             Process
Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Setup          Skip Without OpenSSH
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
OpenSSH Reaches The Node
    [Documentation]    Key, server, command: the row is written, and the hive is started through the same server.
    [Tags]    S01
    ${node} =    Start Node    server=real
    ${queen} =    Start Queen
    POST    ${queen.url}/v2/registry/beehives/add    json=${node.registration()}    timeout=20
    ${answer} =    Submit Inference    good morning    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Token Count    ${answer}    ==    5
    Get State    hive    ==    idle

OpenSSH Is Refused With Another Key
    [Documentation]    The server takes a key that is not ours.
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
    [Documentation]    What the scripted ssh imitates.
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
    [Documentation]    The tests need OpenSSH's client and the extra `ssh`.
    ${there} =    Evaluate
    ...    shutil.which("ssh") and importlib.util.find_spec("asyncssh")
    ...    modules=shutil,importlib.util
    Skip If
    ...    not $there
    ...    OpenSSH's client or asyncssh is not installed: apt-get install openssh-client, pip install '.[ssh]'
