*** Settings ***
Documentation       A fault that was never hit: the test proved nothing about it.

Library             RbeeLibrary    on_unused_fault=${POLICY}


*** Variables ***
${POLICY}       WARN


*** Test Cases ***
Fault That Is Never Hit
    Start Queen
    Inject Fault    queen    status    path=/v9/nothing
    Get State    queen    ==    idle

Fault That Is Hit
    Start Queen
    ${fault} =    Inject Fault    queen    delay    path=/health    delay=1ms
    Get State    queen    ==    idle
    Get Fault Hits    ${fault}    >=    1
