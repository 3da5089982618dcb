*** Settings ***
Documentation       A hive that cannot be reached: three attempts, pauses of 0, 200 and 400 ms, 10 s each.

Resource            ../../resources/rbee.resource

Test Setup          Set Time Rate    0
Test Teardown       Fleet Should Have Behaved

Test Tags           S14


*** Test Cases ***
Host That Does Not Answer Is Tried Three Times
    [Documentation]    Thirty seconds and six hundred milliseconds of the clock.
    [Tags]    S36    EC1
    ${port} =    Occupy Port    mode=ignore
    Start Queen    hive_url=workstation=http://127.0.0.1:${port}
    ${answer} =    Submit Inference    anybody there
    Wait Until Timer    queen    connect
    @{fired} =    Advance Time    30599ms
    Get Inference State    ${answer}    ==    connecting    within=0s
    Advance Time    1ms
    Get Inference Error    ${answer}    ==    CONNECTION_TIMEOUT    within=0s
    Should Be Equal As Integers    ${answer.status}    504
    Should Contain    ${answer.error}[message]    3 attempts failed
    @{limits} =    Evaluate    [timer.at for timer in $fired if timer.timer == 'connect']
    Should Be Equal    ${limits}    ${{[10.0, 20.2]}}

Port That Refuses Is Tried Three Times
    [Documentation]    Refusals come at once, so only the pauses take time.
    ${port} =    Occupy Port    mode=refuse
    Start Queen    hive_url=workstation=http://127.0.0.1:${port}
    ${answer} =    Submit Inference    anybody there
    Wait Until Timer    queen    connect-pause
    @{fired} =    Advance Time    1s
    Get Inference Error    ${answer}    ==    CONNECTION_TIMEOUT    within=0s
    @{pauses} =    Evaluate    [timer.at for timer in $fired if timer.timer == 'connect-pause']
    Should Be Equal    ${pauses}    ${{[0.2, 0.6]}}
