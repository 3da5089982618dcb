*** Settings ***
Documentation       Two faults, in two states: two cells of the table.

Library             RbeeLibrary    min_fault_coverage=${MINIMUM}


*** Variables ***
${MINIMUM}          0


*** Test Cases ***
Delay While Idle
    Start Worker    hive=None
    Inject Fault    worker-1    delay    path=/v1/health    delay=1ms
    Get State    worker-1    ==    idle

Status While Loading
    Start Worker    hive=None    load_time=1h    until=loading
    ${fault} =    Inject Fault    worker-1    status    path=/v1/health
    Run Keyword And Ignore Error    Get State    worker-1    ==    loading    within=0s
    Get Fault Hits    ${fault}    >=    1
