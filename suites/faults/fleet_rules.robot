*** Settings ***
Documentation       The rules of `Fleet Should Have Behaved`: for each rule a fault that breaks it, and the same steps without
...                 the fault, in which the fleet behaves.

Library             RequestsLibrary
Resource            ../../resources/keeper.resource


*** Test Cases ***
Premature Ready
    [Documentation]    A worker that reports ready while it loads gets an inference too early.
    Start Fleet
    ${fault} =    Inject Fault    worker-1    premature ready
    Start Worker    load_time=1h    until=loading
    Set Time Rate    0
    ${answer} =    Submit Inference    too early
    Wait Until Inference Ends    ${answer}
    Get Fault Hits    ${fault}    >=    1
    Fleet Should Break    routed before ready    worker-1 while it was loading

Waiting Until A Worker Is Ready
    Start Fleet
    Set Time Rate    20
    Start Worker    load_time=5s    until=loading
    ${answer} =    Submit Inference    in time
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Callback Before The Port Accepts
    Start Fleet
    Inject Fault    worker-1    early callback
    Start Worker
    Fleet Should Break    callback before listening    worker-1 said that it is ready before its port accepted

Callback After The Port Accepts
    Start Fleet
    Start Worker
    Get Worker Count    queen    ==    1
    Fleet Should Have Behaved

Overbook
    [Documentation]    A worker with one slot runs two requests.
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${fault} =    Inject Fault    worker-1    overbook
    ${first} =    Submit Inference    one    to=worker-1
    Wait For Tokens    ${first}
    ${second} =    Submit Inference    two    to=worker-1
    Wait For Tokens    ${second}
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    too many in flight    worker-1 has 1 slots and runs 2 requests

Slots Are Kept
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${first} =    Submit Inference    one    to=worker-1
    Wait For Tokens    ${first}
    ${second} =    Submit Inference    two    to=worker-1
    Get Inference State    ${second}    ==    refused
    Fleet Should Have Behaved

Accept While Draining
    [Documentation]    A worker that is shutting down accepts one more request.
    Start Fleet    workers=1    slots=2    token_delay=1s
    Set Time Rate    0
    ${fault} =    Inject Fault    worker-1    accept while draining
    Begin Draining
    ${late} =    Submit Inference    two    to=worker-1
    Wait For Tokens    ${late}
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    request while draining    worker-1 took a request after its draining began
    Advance Time    1 min

Draining Takes No Request
    Start Fleet    workers=1    slots=2    token_delay=1s
    Set Time Rate    0
    Begin Draining
    ${late} =    Submit Inference    two    to=worker-1
    Get Inference State    ${late}    ==    refused
    Fleet Should Have Behaved

Stream Without An End
    Start Fleet    workers=1
    Inject Fault    worker-1    no end marker
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Break    stream end    from worker-1 has no end marker

Double End
    [Documentation]    The end marker is sent twice. A client that stops at the first one never sees the second.
    Start Fleet    workers=1
    ${fault} =    Inject Fault    worker-1    double end
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    stream end    from worker-1 has 2 end markers

Worker That Dies Owes The End Of Its Stream
    Start Fleet    workers=1
    Inject Fault    worker-1    kill    after_tokens=2
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Break    stream end    worker-1 ended in the middle of the stream

Worker That The Test Kills Is Excused
    Start Fleet    workers=1    token_delay=10ms
    ${answer} =    Submit Inference    hello    to=worker-1    max_tokens=2000
    Wait For Tokens    ${answer}    2
    Kill    worker-1
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Mend Stream
    [Documentation]    The queen adds the end marker to a broken stream, so its client believes that the stream is complete.
    Start Fleet    workers=1    token_delay=10ms
    ${fault} =    Inject Fault    queen    mend stream    path=/v2/tasks
    ${answer} =    Submit Inference    hello    max_tokens=2000
    Wait For Tokens    ${answer}    2
    Kill    worker-1
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    truncated as complete    queen passed the truncated stream

Broken Stream Is Passed On As Broken
    Start Fleet    workers=1
    Inject Fault    worker-1    break    after_tokens=2
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    broken
    Fleet Should Have Behaved    stream end

Hasty End
    [Documentation]    The queen tells its hive to end, but does not wait for it: a worker still streams when the queen is gone.
    Start Fleet    workers=1    token_delay=20ms
    ${fault} =    Inject Fault    queen    hasty end
    ${through} =    Submit Inference    make the queen know its hive    max_tokens=1
    Wait Until Inference Ends    ${through}
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=15
    Wait For Tokens    ${answer}    1
    Stop    queen
    Wait Until State    hive    exited    seen_by=process
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    cascade order    queen ended before hive, which it had told to end

Queen Waits For Its Hive
    Start Fleet    workers=1    token_delay=20ms
    ${through} =    Submit Inference    make the queen know its hive    max_tokens=1
    Wait Until Inference Ends    ${through}
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=10
    Wait For Tokens    ${answer}    1
    Stop    queen
    Get Exit Code    hive    ==    0
    Fleet Should Have Behaved

Hasty End Of A Hive
    Start Fleet    workers=1    token_delay=20ms
    ${fault} =    Inject Fault    hive    hasty end
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=15
    Wait For Tokens    ${answer}    1
    Stop    hive
    Get Fault Hits    ${fault}    ==    1
    Wait Until Inference Ends    ${answer}
    Wait Until State    worker-1    exited    seen_by=process
    Fleet Should Break    outlived its hive    worker-1 was alive when hive had ended gracefully

Hive Waits For Its Workers
    Start Fleet    workers=1    token_delay=20ms
    ${answer} =    Submit Inference    until the end    to=worker-1    max_tokens=10
    Wait For Tokens    ${answer}    1
    Stop    hive
    Fleet Should Have Behaved

Swallow Cancel
    [Documentation]    The queen accepts a cancellation, but the worker goes on.
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${queen} =    Get Daemon    queen
    ${fault} =    Inject Fault    queen    swallow cancel
    ${answer} =    Submit Inference    stop me    max_tokens=20
    Wait For Tokens    ${answer}
    DELETE    ${queen.url}/v2/tasks/${answer.id}    timeout=5
    Get Fault Hits    ${fault}    ==    1
    Fleet Should Break    cancel not passed on    did not pass it on to worker-1

Cancellation Reaches The Worker
    Start Fleet    workers=1    token_delay=1s
    Set Time Rate    0
    ${answer} =    Submit Inference    stop me    max_tokens=20
    Wait For Tokens    ${answer}
    Cancel Inference    ${answer}
    Get Inference State    ${answer}    ==    cancelled
    Fleet Should Have Behaved

Silent Removal
    [Documentation]    The hive keeps the end of its worker to itself, and the queen lists it for minutes.
    Start Fleet    workers=1
    Get Worker Count    queen    ==    1
    ${fault} =    Inject Fault    hive    silent removal
    Kill    worker-1
    Get Worker Count    hive    ==    0
    Get Fault Hits    ${fault}    ==    1
    Advance Time    61 s
    Fleet Should Break    registration    queen lists worker-1, which has been gone for 61 s

End Of A Worker Is Told
    Start Fleet    workers=1
    Get Worker Count    queen    ==    1
    Kill    worker-1
    Get Worker Count    hive    ==    0
    Advance Time    61 s
    Fleet Should Have Behaved

Keeper Asks Again Too Soon
    [Documentation]    A busy worker answers with `Retry-After: 1`. The keeper repeats its request after a tenth of a second.
    Start Busy Worker And Keeper    --busy-delays    100ms,100ms,100ms
    Advance Time    1 s
    Get Exit Code    keeper    ==    1
    Run Keyword And Expect Error
    ...    *findings: 3\nretried too soon: *asked worker-1 again after 0.1 s, it was told 1 s*
    ...    Fleet Should Have Behaved
    ...    within=0s
    Fleet Should Have Behaved    retried too soon

Keeper Asks Again When It Was Told To
    Start Busy Worker And Keeper
    Advance Time    10 s
    Get Exit Code    keeper    ==    1
    Fleet Should Have Behaved


*** Keywords ***
Start Busy Worker And Keeper
    [Documentation]    Starts a worker whose only slot is taken, and a keeper that sends its request directly to the worker.
    [Arguments]    @{flags}
    Start Fleet With A Busy Worker
    Start Keeper    @{ASK}    --direct    @{flags}
    Wait Until Timer    keeper    busy-retry

Fleet Should Break
    [Documentation]    The fleet broke this rule and no other.
    [Arguments]    ${rule}    ${text}
    VAR    ${findings}    *findings: 1\n${rule}: *${text}*
    Wait Until Keyword Succeeds    2s    20ms    Run Keyword And Expect Error    ${findings}
    ...    Fleet Should Have Behaved    within=0s
    Fleet Should Have Behaved    ${rule}

Begin Draining
    [Documentation]    Sends SIGTERM to a worker with a running request.
    ${first} =    Submit Inference    one    to=worker-1
    Wait For Tokens    ${first}
    Terminate    worker-1
    Get State    worker-1    ==    draining
