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

Partition That Nobody Feels
    Start Fleet
    Partition    hive | queen
    Get State    queen    ==    idle

Partition That Is Felt
    Start Fleet    workers=1    heartbeat=30s
    Partition    hive | queen
    Advance Time    1 min
