*** Settings ***
Documentation       A start that fails leaves nothing: the same names and faults can be used again in the same test.

Resource            ../../resources/rbee.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Fleet Can Be Started Again
    [Documentation]    The workers load for longer than the limit. Nothing of the first fleet is left, the second one is whole.
    Run Keyword And Expect Error    *    Start Fleet    workers=2    load_time=1h    timeout=500ms
    No Process Should Be Left
    Start Fleet    workers=2
    Get Worker Count    hive    ==    2

Worker Can Be Started Again With Its Fault
    [Documentation]    The fault that waited for the first start acts in the second one; the hive and the other worker go on.
    Start Fleet    workers=1
    ${fault} =    Inject Fault    worker-2    status    path=/v1/inference    status=500    times=1
    Run Keyword And Expect Error    *    Start Worker    worker-2    load_time=1h    timeout=300ms
    Get State    worker-1    ==    idle
    Start Worker    worker-2
    Submit Inference    hello    to=worker-2
    Get Fault Hits    ${fault}    ==    1

Queen Can Be Restarted Again
    [Documentation]    Its port is taken at the first attempt.
    ${queen} =    Start Queen
    Kill    queen
    Occupy Port    ${queen.port}
    Run Keyword And Expect Error    *port ${queen.port} is taken by*    Restart    queen
    Release Port    ${queen.port}
    Restart    queen
    Get State    queen    ==    idle

Keeper Can Be Run Again
    [Documentation]    The first keeper gets no answer and is ended at its limit.
    Start Queen
    Freeze    queen
    Run Keyword And Expect Error    *did not end within*    Run Keeper    workers    list    timeout=300ms
    Resume    queen
    ${result} =    Run Keeper    workers    list
    Should Be Equal As Integers    ${result.rc}    0

Node Needs The Name Of Its Hive
    [Documentation]    The node's hive will be called like the one that runs already.
    Start Hive    queen=None
    Run Keyword And Expect Error    'hive' is running already*    Start Node
    Stop    hive
    Start Node
