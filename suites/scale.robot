*** Settings ***
Documentation       A hundred workers of four hives stream at the same time, while workers are killed and a hive is frozen.
...                 Every stream ends in a known state, every token is accounted for, and the registries agree again.
...
...                 Out by default; `robot -v SCALE:none suites/` brings it in. It takes about half a minute.

Resource            ../resources/rbee.resource

Test Tags           scale    ${SCALE}


*** Variables ***
${SCALE}            robot:exclude
${WORKERS: int}     100
@{KILLED}           worker-3    worker-24    worker-50    worker-77    worker-98


*** Test Cases ***
Hundred Streams Through Five Deaths And A Frozen Hive
    Start Fleet    hives=4    workers=25    token_delay=100ms    timeout=60s
    Get Worker Count    queen    ==    ${WORKERS}    within=10s
    @{answers} =    Begin A Stream At Every Worker
    Wait For Tokens    ${answers}[-1]    10    within=20s
    Freeze    hive-2
    FOR    ${worker}    IN    @{KILLED}
        Kill    ${worker}
    END
    FOR    ${answer}    IN    @{answers}
        Wait Until Inference Ends    ${answer}    within=30s
    END
    Resume    hive-2
    Every Stream Should Be Accounted For    ${answers}
    Registries Should Agree
    Fleet Should Have Behaved
    Stop All    timeout=60s
    No Process Should Be Left


*** Keywords ***
Begin A Stream At Every Worker
    [Documentation]    Starts streams of 50 tokens, a tenth of a second apart; returns the inferences.
    VAR    @{answers}    @{EMPTY}
    FOR    ${number}    IN RANGE    1    ${WORKERS + 1}
        ${answer} =    Submit Inference    story ${number}    to=worker-${number}    max_tokens=50    timeout=30s
        VAR    @{answers}    @{answers}    ${answer}
    END
    RETURN    @{answers}

Every Stream Should Be Accounted For
    [Documentation]    Streams of killed workers are broken, all others complete. The client has every token that its worker
    ...    recorded, except one that may have been under way when the worker died.
    [Arguments]    ${answers}
    FOR    ${answer}    IN    @{answers}
        @{tokens} =    Get Records    ${answer.to}    token
        ${written} =    Get Length    ${tokens}
        IF    $answer.to in $KILLED
            Get Inference State    ${answer}    ==    broken    within=0s
            Should Be Between    ${written}    0    49
            ${received} =    Get Token Count    ${answer}
            Should Be Between    ${received}    ${written - 1}    ${written}
        ELSE
            Get Inference State    ${answer}    ==    done    within=0s
            Get Token Count    ${answer}    ==    50    within=0s
            Should Be Equal    ${written}    50    type=int
        END
    END

Registries Should Agree
    [Documentation]    The queen lists exactly the living workers, and so do the hives, each its own.
    ${killed} =    Get Length    ${KILLED}
    VAR    ${living: int}    ${WORKERS - ${killed}}
    Get Worker Count    queen    ==    ${living}    state=idle    within=20s
    VAR    ${listed: int}    0
    FOR    ${hive}    IN    hive-1    hive-2    hive-3    hive-4
        ${count} =    Get Worker Count    ${hive}
        VAR    ${listed: int}    ${listed + ${count}}
    END
    Should Be Equal    ${listed}    ${living}
