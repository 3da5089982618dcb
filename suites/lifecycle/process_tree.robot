*** Settings ***
Documentation       The tree of processes, as `ps -ef --forest` shows it: robot, warden, nursery, queen and hive, workers.

Library             RequestsLibrary
Library             ../../resources/process_table.py
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Process That Lives On Is Found
    [Documentation]    A check that nothing is left names what is left.
    Start Fleet    workers=1
    Run Keyword And Expect Error    still alive: *worker-1*    No Process Should Be Left    within=0s
    Stop All
    No Process Should Be Left

Patience Of One Keyword
    [Documentation]    `within=` of a keyword counts, and not that of the library, which is longer.
    Start Worker    hive=None
    Run Keyword And Expect Error    *(after ??? ms)*    Get State    worker-1    ==    busy    within=150ms

Every Program Is A Process Below The One That Started It
    [Tags]    L018
    Start Fleet    workers=2
    Log Process Tree
    Process And Parents Should Be    worker-1    mock-worker    fake-hive    rbee-nursery    rbee-warden
    Process And Parents Should Be    worker-2    mock-worker    fake-hive    rbee-nursery    rbee-warden
    Process And Parents Should Be    queen    fake-queen    rbee-nursery    rbee-warden
    Get Child Count    hive    ==    2

Output Of Every Program Is In Its Own File
    Start Fleet    workers=2
    Get Output    worker-1    contains    fake-worker 0.1.0 serves on
    Get Output    worker-1    not contains    fake-hive
    Get Output    hive    contains    fake-hive 0.1.0 serves on
    Get Output    queen    contains    fake-queen 0.1.0 serves on
    Get Output    queen    ==    ${EMPTY}    stream=stdout

Workers Are Listed In The Order Of Their Numbers
    [Documentation]    The workers start at the same time. The queen uses the first idle one of the list, so the
    ...    order must not vary.
    ${fleet} =    Start Fleet    workers=6
    ${list} =    GET    ${fleet.hives[0].url}/v1/workers/list    timeout=5
    ${names} =    Get Field Of Each    ${list.json()}[workers]    worker_id
    VAR    @{expected}    worker-1    worker-2    worker-3    worker-4    worker-5    worker-6
    Should Be Equal    ${names}    ${expected}


*** Keywords ***
Process And Parents Should Be
    [Documentation]    The process has this name, its parent the next one, and so on. The list may end before the root.
    [Arguments]    ${name}    @{expected}
    ${daemon} =    Get Daemon    ${name}
    ${names} =    Get Process Names    ${daemon.pid}
    ${depth} =    Get Length    ${expected}
    Should Be Equal    ${names}[:${depth}]    ${expected}
