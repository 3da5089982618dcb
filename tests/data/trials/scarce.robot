*** Settings ***
Documentation       Fleets where something is short: room on the disk, a folder, descriptors.
...                 `test_resource_exhaustion.py` takes it away.

Library             OperatingSystem
Resource            ../../../resources/rbee.resource


*** Variables ***
${WORKERS}          54


*** Test Cases ***
Small Fleet
    Start Fleet    workers=1
    ${answer} =    Submit Inference    hello    max_tokens=5
    Wait Until Inference Ends    ${answer}    within=10s
    Get Inference State    ${answer}    ==    done

Without A Fleet
    No Operation

Long Answers
    [Documentation]    The journal of the worker grows by some 40 KB with each.
    Start Fleet    workers=1
    FOR    ${number}    IN RANGE    50
        ${answer} =    Submit Inference    hello ${number}    to=worker-1    max_tokens=200
        Wait Until Inference Ends    ${answer}    within=10s
        Get Inference State    ${answer}    ==    done    within=0s
    END

Many Steps Of The Clock
    [Documentation]    The library's own journal grows, and no other.
    FOR    ${number}    IN RANGE    1    101
        Advance Time    ${number} ms
    END

Many Workers Of Their Own
    Start Hive    queen=None
    FOR    ${number}    IN RANGE    ${WORKERS}
        Start Worker    alone-${number}    hive=None
    END
    Advance Time    1 s

Many Workers Of One Hive
    Start Hive    queen=None
    FOR    ${number}    IN RANGE    ${WORKERS}
        Start Worker    worker-${number}
    END
