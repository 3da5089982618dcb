*** Settings ***
Documentation       Who started whom, as `ps -ef --forest` shows it: robot, warden, nursery, queen and hive, workers.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Every Program Is A Process Below The One That Started It
    [Tags]    L018
    Start Fleet    workers=2
    Log Process Tree
    Parents Of    worker-1    mock-worker    fake-hive    rbee-nursery    rbee-warden
    Parents Of    worker-2    mock-worker    fake-hive    rbee-nursery    rbee-warden
    Parents Of    queen    fake-queen    rbee-nursery    rbee-warden
    Get Child Count    hive    ==    2

Output Of Every Program Is In Its Own File
    Start Fleet    workers=2
    Get Output    worker-1    contains    fake-worker 0.1.0 serves on
    Get Output    worker-1    not contains    fake-hive
    Get Output    hive    contains    fake-hive 0.1.0 serves on
    Get Output    queen    contains    fake-queen 0.1.0 serves on
    Get Output    queen    ==    ${EMPTY}    stream=stdout

Workers Are Listed In The Order Of Their Numbers
    [Documentation]    They start at the same time; the first idle one of the list gets a request, and must not be one by chance.
    ${fleet} =    Start Fleet    workers=6
    ${list} =    GET    ${fleet.hives[0].url}/v1/workers/list    timeout=5
    VAR    @{names}    @{{ [row['worker_id'] for row in $list.json()['workers']] }}
    Should Be Equal    ${names}    ${{ [f'worker-{number}' for number in range(1, 7)] }}


*** Keywords ***
Parents Of
    [Documentation]    The names of a process and of those above it, up to the runner.
    [Arguments]    ${name}    @{expected}
    ${daemon} =    Get Daemon    ${name}
    ${names} =    Evaluate    [p.name() for p in [psutil.Process(${daemon.pid}), *psutil.Process(${daemon.pid}).parents()]]
    Should Be Equal    ${names}[:${{len($expected)}}]    ${expected}
