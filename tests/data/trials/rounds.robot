*** Settings ***
Documentation       Many rounds leave nothing behind: no process, descriptor, thread, port or file. `ROUNDS` sets their number.

Library             OperatingSystem
Resource            ../../../resources/rbee.resource


*** Variables ***
${ROUNDS}       ${200}


*** Test Cases ***
Rounds Leave Nothing
    [Documentation]    The first rounds may make what stays for the run; from then on nothing may grow.
    Start Hive    queen=None
    FOR    ${number}    IN RANGE    10
        One Round    warm-${number}
    END
    ${before} =    What The Run Holds
    FOR    ${number}    IN RANGE    ${ROUNDS}
        One Round    round-${number}
    END
    ${after} =    What The Run Holds
    Should Be Equal    ${after}    ${before}


*** Keywords ***
One Round
    [Documentation]    A worker of the hive and one of its own: started, asked, ended.
    [Arguments]    ${name}
    Start Worker    ${name}
    Start Worker    ${name}-alone    hive=None
    ${answer} =    Submit Inference    hello    to=${name}    max_tokens=2
    Wait Until Inference Ends    ${answer}
    Stop    ${name}-alone
    Kill    ${name}
    Get Worker Count    hive    ==    0

What The Run Holds
    [Documentation]    Children, descriptors and temporary folders of robot, nursery and hive; threads are counted at rest.
    Get Child Count    hive    ==    0
    ${hive} =    Get Daemon    hive
    ${held} =    Evaluate    holdings.holdings(${hive.pid})    modules=holdings
    RETURN    ${held}
