*** Settings ***
Documentation       Hives at different loopback addresses stand for several hosts. A program that mixes them up reaches nothing.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Each Hive Has An Address Of Its Own
    [Documentation]    Workers listen at the address of their hive, and the queen finds them there.
    Start Queen
    Start Hive    hive-1    host=127.0.0.2
    Start Hive    hive-2    host=127.0.0.3
    Start Worker    worker-1    hive=hive-1
    Start Worker    worker-2    hive=hive-2
    ${answer} =    Submit Inference    who are you    node=hive-2
    Wait Until Inference Ends    ${answer}
    Should Start With    ${answer.headers}[x-worker-url]    http://127.0.0.3:
    ${worker} =    Get Daemon    worker-1
    Should Start With    ${worker.url}    http://127.0.0.2:
    Get Worker Count    queen    ==    2

Two Hives Cannot Announce One Node
    [Documentation]    The second one is refused before it starts, and the first one stays where it is.
    [Tags]    U13
    Start Fleet    hives=1
    Run Keyword And Expect Error    node workstation of queen has the hive hive already*
    ...    Start Hive    hive-2    node_name=workstation
    ${answer} =    Submit Inference    still here    node=workstation
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
