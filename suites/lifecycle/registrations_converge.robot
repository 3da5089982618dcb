*** Settings ***
Documentation       After a cut, or a restart of one program, the others find each other again.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Worker Registers Again After A Cut Of Three Minutes
    [Documentation]    The queen removes the worker without heartbeats, and answers the next heartbeat with 404.
    Start Queen
    ${line} =    Start Relay    line    to=queen
    Start Worker    loner    hive=None    queen_url=${line.url}    heartbeat=30s
    Get Worker Count    queen    ==    1
    Set Time Rate    0
    Cut Line
    Advance Time    3 min
    Get Worker Count    queen    ==    0    within=0s
    Mend Line
    Advance Time    30 s
    Get Worker Count    queen    ==    1
    Get Output    loner    contains    the queen does not know this worker: registering again

Hive Registers Its Worker Again
    [Documentation]    The worker sends its heartbeats to the hive, which passes them on.
    Start Queen
    Start Hive
    Start Worker    queen_url=${EMPTY}    hive_heartbeat=30s
    Get Worker Count    queen    ==    1
    Kill    queen
    Restart    queen
    Get Worker Count    queen    ==    0    within=0s
    Advance Time    31 s
    Get Worker Count    queen    ==    1

Restarted Queen Gets To Know The Workers Again
    [Documentation]    Its registry of workers is lost with it; each worker registers with its next heartbeat.
    Start Fleet    workers=3    heartbeat=30s
    Kill    queen
    Restart    queen
    Advance Time    31 s
    Get Worker Count    queen    ==    3

Restarted Queen Reaches Its Hives
    Start Fleet    hives=2    workers=1
    Kill    queen
    Restart    queen
    ${answer} =    Submit Inference    hello    node=hive-2
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Worker Is Started Again Under Its Id While Others Work
    [Documentation]    The hive has dropped the row of the ended worker before anybody learns of its end.
    [Setup]    Start Fleet    workers=2    slots=4    token_delay=1ms
    VAR    @{answers}    @{EMPTY}
    FOR    ${turn}    IN RANGE    5
        ${answer} =    Submit Inference    turn ${turn}    to=worker-2    max_tokens=50
        VAR    @{answers}    @{answers}    ${answer}
        Restart    worker-1
        Kill    worker-1
        Restart    worker-1
    END
    FOR    ${answer}    IN    @{answers}
        Wait Until Inference Ends    ${answer}
        Get Inference State    ${answer}    ==    done
    END
