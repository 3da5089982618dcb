*** Settings ***
Documentation       A hundred workers below four hives, a hundred streams at the same time, and trouble meanwhile:
...                 every stream ends in a known state, every token is accounted for, the registries agree again.
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
    [Documentation]    50 tokens each, a tenth of a second apart; returns the inferences.
    VAR    @{answers}    @{EMPTY}
    FOR    ${number}    IN RANGE    1    ${WORKERS + 1}
        ${answer} =    Submit Inference    story ${number}    to=worker-${number}    max_tokens=50    timeout=30s
        VAR    @{answers}    @{answers}    ${answer}
    END
    RETURN    @{answers}

Every Stream Should Be Accounted For
    [Documentation]    Those of killed workers are broken, all others complete. A client has what its worker wrote down,
    ...    but for the token that was under way when it died.
    [Arguments]    ${answers}
    FOR    ${answer}    IN    @{answers}
        @{written} =    Get Records    ${answer.to}    token
        ${came} =    Get Token Count    ${answer}
        IF    $answer.to in $KILLED
            Get Inference State    ${answer}    ==    broken    within=0s
            Should Be True    len($written) - 1 <= $came <= len($written) < 50
        ELSE
            Get Inference State    ${answer}    ==    done    within=0s
            Should Be True    len($written) == $came == 50
        END
    END

Registries Should Agree
    [Documentation]    The queen, and each hive for its own workers, list exactly those that live.
    VAR    ${living: int}    ${{ $WORKERS - len($KILLED) }}
    Get Worker Count    queen    ==    ${living}    state=idle    within=20s
    VAR    ${listed: int}    0
    FOR    ${hive}    IN    hive-1    hive-2    hive-3    hive-4
        ${count} =    Get Worker Count    ${hive}
        VAR    ${listed: int}    ${listed + ${count}}
    END
    Should Be Equal    ${listed}    ${living}
