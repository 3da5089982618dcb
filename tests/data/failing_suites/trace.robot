*** Settings ***
Documentation       A failure with everything that a trace shows; `test_trace_page.py` reads its page.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Broken Stream Through The Queen
    Start Fleet    workers=1
    Advance Time    2 min
    Inject Fault    worker-1    kill    after_tokens=12
    ${answer} =    Submit Inference    a </script> tale    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done    within=0s

Passed Test
    Start Fleet    workers=1
    Get State    worker-1    ==    idle
