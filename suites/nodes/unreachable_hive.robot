*** Settings ***
Documentation       A hive that cannot be reached: three attempts of at most 10 s, after pauses of 0, 200 and 400 ms.

Resource            ../../resources/rbee.resource

Test Setup          Set Time Rate    0
Test Teardown       Fleet Should Have Behaved

Test Tags           S14


*** Test Cases ***
Host That Does Not Answer Is Tried Three Times
    [Documentation]    Three limits of 10 s and the pauses take 30.6 s of the run's clock.
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
    Timers Should Have Fired At    ${fired}    connect    10.0    20.2

Port That Refuses Is Tried Three Times
    [Documentation]    Connections are refused at once, so only the pauses take time.
    ${port} =    Occupy Port    mode=refuse
    Start Queen    hive_url=workstation=http://127.0.0.1:${port}
    ${answer} =    Submit Inference    anybody there
    Wait Until Timer    queen    connect-pause
    @{fired} =    Advance Time    1s
    Get Inference Error    ${answer}    ==    CONNECTION_TIMEOUT    within=0s
    Timers Should Have Fired At    ${fired}    connect-pause    0.2    0.6


*** Keywords ***
Timers Should Have Fired At
    [Documentation]    Timers of this name fired at these seconds of the run's clock, and at no others.
    [Arguments]    ${fired}    ${name}    @{seconds: float}
    VAR    @{found}    @{EMPTY}
    FOR    ${timer}    IN    @{fired}
        IF    $timer.timer == $name
            VAR    @{found}    @{found}    ${timer.at}
        END
    END
    Should Be Equal    ${found}    ${seconds}
