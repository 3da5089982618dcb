*** Settings ***
Documentation       A keeper gets its key in its command line, as a user may type it: robot's log has it, and nothing else.

Library             command_lines.py
Resource            ../../../resources/rbee.resource


*** Test Cases ***
Key In The Command Line Of A Keeper
    Start Fleet    workers=1    api_key=%{RBEE_TEST_KEY}    token_delay=1s
    Add Hive To Registry    workstation
    Start Keeper    --api-key    %{RBEE_TEST_KEY}    infer    --node    workstation    --model    mock-model    --prompt    hello
    Wait Until Timer    worker-1    token
    No Command Line Has    RBEE_TEST_KEY
    Get Command Line    keeper    contains    --api-key ***
    Stop    keeper
    ${listed} =    Run Keeper    workers    list    --api-key\=%{RBEE_TEST_KEY}
    Should Be Equal As Integers    ${listed.rc}    0
