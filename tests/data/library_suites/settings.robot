*** Settings ***
Documentation       A setting ends with the test or suite in which it was made.

Library             RbeeLibrary    within=100ms

Suite Setup         Set Assertion Retry    200ms


*** Test Cases ***
Setting Of The Suite Holds
    ${old} =    Set Assertion Retry    300ms
    Should Be Equal    ${old}    ${{datetime.timedelta(milliseconds=200)}}

Setting Of The Last Test Does Not
    ${old} =    Set Assertion Retry    1s
    Should Be Equal    ${old}    ${{datetime.timedelta(milliseconds=200)}}
    ${old} =    Set Assertion Retry    1s
    Should Be Equal    ${old}    ${{datetime.timedelta(seconds=1)}}
    ${old} =    Set Rbee Timeout    1s
    Should Be Equal    ${old}    ${{datetime.timedelta(seconds=10)}}
