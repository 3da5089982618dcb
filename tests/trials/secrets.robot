*** Settings ***
Documentation       A fleet with a key that only the environment and the programs know; one test fails, so that evidence is taken.

Library             RequestsLibrary
Library             command_lines.py
Resource            ../../resources/rbee.resource


*** Variables ***
${KEY: Secret}      %{RBEE_TEST_KEY}


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

Failure Shows Evidence
    Start Fleet    workers=1    api_key=${KEY}
    Kill    worker-1
    Get State    hive    ==    busy    within=0s
