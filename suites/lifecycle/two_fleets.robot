*** Settings ***
Documentation       Two fleets side by side do not influence each other, and neither do two tests.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Two Fleets Do Not Meet
    Start Fleet    workers=1
    Start Fleet    workers=2    prefix=b-
    Get Worker Count    queen    ==    1
    Get Worker Count    b-queen    ==    2
    Stop    b-hive
    Get Worker Count    b-queen    ==    0
    Get Worker Count    queen    ==    1
    ${answer} =    Submit Inference    still there    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Name That Runs Already Is Refused
    Start Queen
    Run Keyword And Expect Error    *'queen' is running already*    Start Queen

Test Begins Without The Programs Of The Last One
    [Documentation]    The queen of the previous test has ended with that test.
    No Process Should Be Left
    Start Queen
    Get State    queen    ==    idle
