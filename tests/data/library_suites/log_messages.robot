*** Settings ***
Documentation       What keywords write into the log: whoever reads it sees what was done, to whom, and what came of it.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Programs
    ${queen} =    Start Queen
    Start Hive    hive-1
    Start Worker    worker-1    hive=hive-1    api_key=old
    Start Node    workstation    ssh=refused
    Start Node    rack-2
    Start Relay    to=${queen}    name=line
    Log Process Tree    hive-1
    Get State    worker-1    ==    idle
    Get Child Count    hive-1    ==    1
    Rotate Api Key    worker-1    new
    Freeze    worker-1
    Resume    worker-1
    Restart    worker-1
    Kill    worker-1
    Get Exit Code    worker-1    ==    -9
    Terminate    hive-1
    Stop    queen

Ports And Ends
    ${port} =    Occupy Port    mode=refuse
    Release Port    ${port}
    Start Queen
    Keep Submitting    every=1 h    to=queen    max_tokens=1
    Get Load Statistic    requests    ==    1
    Stop Submitting
    Stop All
    No Process Should Be Left

Inferences
    Set Time Rate    0
    Start Fleet    workers=1    token_delay=100ms
    Set Answer    worker-1    Four, of course.    prompt=two and two
    ${answer} =    Submit Inference    two and two    request_id=req-1
    Advance Time    10 s
    Wait Until Inference Ends    ${answer}
    Get Inference Text    ${answer}    ==    Four, of course.
    Get Inference State    ${answer}    ==    done
    ${long} =    Submit Inference    a tale    max_tokens=30    request_id=req-2
    Wait For Tokens    ${long}    1
    Read Token    ${long}
    Advance Time    1 s
    Cancel Inference    ${long}    by=disconnect
    Get Inference State    ${long}    ==    cancelled
    Requests Should Be In Order    queen POST /v2/tasks    worker-1 POST /v1/inference
    Get Request Count    queen    POST    /v2/tasks    ==    2
    Tokens Should Add Up
    Fleet Should Have Behaved

Faults And Lines
    Set Time Rate    0
    Inject Fault    worker-1    never-ready    # for the next one of this name
    Clear Faults    worker-1
    Start Fleet    workers=1
    Inject Fault    worker-1    status    path=/v1/inference    status=503
    Clear Faults    worker-1
    Clear Faults
    Partition    hive | queen
    Heal
    Heal
    Start Relay    to=queen    name=line
    Delay Line    50 ms    loss=0.5
    Limit Line    64kB
    Stall Line
    Mend Line
    Cut Line
    Jump Time    1 min
    Set Time Rate    2
    Set Time Rate    0
    Wait Until Timer    hive    health

Stores And Commands
    Start Queen
    Add Hive To Registry    workstation    ssh_host=127.0.0.1
    Get Rows    queen    beehives    node_name=workstation
    Run Keeper    setup    list-nodes
    Create Model File    ${OUTPUT DIR}/tiny.gguf    size=1MB    quantization=Q8_0
    Get Clock Date
