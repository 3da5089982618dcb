*** Settings ***
Documentation       A fleet with keys that only the environment and the programs know; tests that fail, so that evidence is taken.

Library             Collections
Library             OperatingSystem
Library             RequestsLibrary
Library             command_lines.py
Resource            ../../../resources/rbee.resource


*** Variables ***
${KEY: Secret}          %{RBEE_TEST_KEY}
${TOKEN: Secret}        %{RBEE_TEST_TOKEN}
${MODEL}                hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF
${SERVER}               scripted


*** Test Cases ***
Fleet With A Key Works
    Start Fleet    workers=1    api_key=${KEY}
    ${answer} =    Submit Inference    hello    max_tokens=3    api_key=${KEY}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Command Line    worker-1    contains    ***
    No Command Line Has    RBEE_TEST_KEY
    Advance Time    1 min
    ${wrong} =    Submit Inference    hello    api_key=${KEY}    to=worker-1
    Wait Until Inference Ends    ${wrong}
    Log Process Tree

Keys Go To A Hive That Is Started Over Ssh
    [Documentation]    The key by the command's standard input, the token in the node's environment; no argv of ssh has them.
    Start Model Hub    gated=TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF    token=${TOKEN}
    ${node} =    Start Node    server=${SERVER}    hf_token=${TOKEN}
    Start Queen    api_key=${KEY}
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${queen} =    Get Daemon    queen
    Ask With Key    POST    ${queen.url}/v2/registry/beehives/add    RBEE_TEST_KEY    ${node.registration()}
    ${answer} =    Submit Inference    hello    max_tokens=3    model=${MODEL}
    Wait Until Inference Ends    ${answer}    within=20s
    Get Inference State    ${answer}    ==    done
    ${hive} =    Get Daemon    hive
    GET    ${hive.url}/v1/workers/list    timeout=5    expected_status=401
    No Command Line Has    RBEE_TEST_KEY    RBEE_TEST_TOKEN
    What Others Can See Is Nothing
    @{with_key} =    Programs With In Environment    RBEE_TEST_KEY
    Should Be Equal    ${with_key}    ${{ ["fake-hive", "mock-worker"] }}    msg=only what was executed and needs it: ${with_key}

Command On A Node Does Not See The Keys Of The Queen
    [Documentation]    What the command prints is among the artifacts, which are searched.
    ${node} =    Start Node    server=${SERVER}    installed=False
    Create File    ${node.home}/bin/git    \#!/bin/sh\nenv | grep -v RBEE_TEST_ > "$HOME/environment-of-git"\n
    Start Queen    api_key=${KEY}    hive_api_key=${TOKEN}
    Add Hive To Registry    workstation    install_path=${node.install_path}
    ${queen} =    Get Daemon    queen
    Ask With Key    POST    ${queen.url}/v2/registry/beehives/add    RBEE_TEST_KEY    ${node.registration()}
    Ask With Key    POST    ${queen.url}/v2/registry/beehives/install    RBEE_TEST_KEY    ${{ {"node_name": "workstation"} }}
    File Should Exist    ${node.home}/environment-of-git

Keeper With A Key Works
    Start Fleet    workers=1    api_key=${KEY}
    Add Hive To Registry    workstation
    Start Keeper    infer    --node    workstation    --model    mock-model    --prompt    hello    api_key=${KEY}
    No Command Line Has    RBEE_TEST_KEY
    Get Exit Code    keeper    ==    0    within=10s
    ${wrong} =    Run Keeper    workers    list    api_key=wrong
    Should Contain    ${wrong.stderr}    INVALID_API_KEY
    Start Relay    to=queen
    Occupy Port
    What Others Can See Is Nothing

Failure Shows Evidence
    Start Fleet    workers=1    api_key=${KEY}
    Kill    worker-1
    Get State    hive    ==    busy    within=0s

Program That Cannot Start Shows Its Last Lines
    Start Worker    hive=None    api_key=${KEY}    answers=/no/such/file

Worker That Cannot Start Is Explained By Its Hive
    Start Hive    api_key=${KEY}    hf_token=${TOKEN}    queen=None
    Inject Fault    worker-1    exit
    Start Worker    worker-1

Download That Is Denied Is Explained
    Start Model Hub    gated=TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF    token=${TOKEN}
    Start Hive    api_key=${KEY}    hf_token=wrong    queen=None
    Start Worker    worker-1    model_ref=${MODEL}

Request That Is Refused Is Shown
    Start Queen    api_key=${KEY}
    ${queen} =    Get Daemon    queen
    ${status} =    Ask With Key    GET    ${queen.url}/v2/workers/list    RBEE_TEST_TOKEN
    Should Be Equal As Integers    ${status}    200


*** Keywords ***
What Others Can See Is Nothing
    [Documentation]    No file of the run, and no port beyond loopback.
    @{files} =    Files That Others Can Reach
    Should Be Empty    ${files}
    &{listening} =    Addresses That Are Listened On
    @{addresses} =    Get Dictionary Keys    ${listening}
    Should Be Equal    ${addresses}    ${{ ["127.0.0.1"] }}    msg=${listening}    values=False
