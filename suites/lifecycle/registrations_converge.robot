*** Settings ***
Documentation       After a cut, or a restart of one program, the others find each other again.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Worker Registers Again After A Cut Of Three Minutes
    [Documentation]    The queen removes the worker without heartbeats, and answers the next heartbeat with 404.
    [Tags]    U11
    Start Queen
    ${line} =    Start Relay    line    to=queen
    Start Worker    loner    hive=None    queen_url=${line.url}    heartbeat=30s
    Get Request Count    queen    POST    /v1/workers/loner/heartbeat    >=    1    status=200
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

Queen That Dies In The Middle Of A Stream Serves Again
    [Documentation]    The stream breaks with the queen. The worker notices and is free; the queen that was started again
    ...    knows both.
    [Tags]    U10
    Start Fleet    workers=1    heartbeat=30s    token_delay=50ms
    ${answer} =    Submit Inference    once upon a time    max_tokens=200
    Wait For Tokens    ${answer}    3
    Kill    queen
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Get State    worker-1    ==    idle
    Restart    queen
    ${next} =    Submit Inference    and once more    max_tokens=2
    Wait Until Inference Ends    ${next}
    Get Inference State    ${next}    ==    done
    Advance Time    31 s
    Get Worker Count    queen    ==    1

Hive That Was Cut Off Is Known As Before
    [Documentation]    Queen and hive cannot reach each other for three minutes, in which a worker dies. Afterwards no row
    ...    is there twice and none for the dead worker.
    [Tags]    U11
    Start Queen
    ${line} =    Start Relay    line    to=queen
    Start Hive    queen_url=${line.url}    heartbeat=30s
    Start Worker    worker-1
    Start Worker    worker-2
    Get Worker Count    queen    ==    2
    Set Time Rate    0
    Cut Line
    Kill    worker-2
    Get Worker Count    hive    ==    1
    Advance Time    3 min
    Mend Line
    Advance Time    1 min
    Get State    worker-1    ==    idle    seen_by=queen
    Get Worker Count    queen    ==    1
