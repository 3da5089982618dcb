*** Settings ***
Documentation       Tests that pass, with all that a timeline draws. `test_browser.py` looks at their log in a browser.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Stream And Fault
    Start Fleet    workers=2
    Inject Fault    worker-2    status    path=/v1/inference
    ${answer} =    Submit Inference    a tale    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    ${refused} =    Submit Inference    a tale    to=worker-2
    Wait Until Inference Ends    ${refused}
    Get Inference State    ${refused}    ==    refused

Signals And Jumps Of The Clock
    Start Fleet    workers=1
    Freeze    worker-1
    Resume    worker-1
    Freeze    hive
    Resume    hive
    Set Time Rate    0
    Advance Time    1 s
    Advance Time    10 s
    Advance Time    90 s
