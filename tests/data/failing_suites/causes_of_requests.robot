*** Settings ***
Documentation       Requests that fail, each for another reason. Every test fails; `test_likely_causes.py` reads the causes.

Library             OperatingSystem
Resource            ../../../resources/models.resource


*** Test Cases ***
Frozen Worker On The Way
    Start Fleet    workers=1    token_delay=50ms
    ${answer} =    Submit Inference    hello
    Wait For Tokens    ${answer}    2
    Freeze    worker-1
    Get Inference State    ${answer}    ==    done    within=300ms

Merely Slow Worker
    Start Fleet    workers=1    token_delay=200ms
    ${answer} =    Submit Inference    hello    max_tokens=50
    Wait For Tokens    ${answer}    3
    Get Inference State    ${answer}    ==    done    within=100ms

Stalled Stream
    Start Fleet    workers=1
    Inject Fault    worker-1    stall    after_tokens=3
    ${answer} =    Submit Inference    hello
    Get Inference State    ${answer}    ==    done    within=300ms

Token That Was Left Out
    Start Fleet    workers=1
    Inject Fault    worker-1    skip token    after_tokens=3
    ${answer} =    Submit Inference    hello    max_tokens=6
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    6    within=0s

Error Event In The Stream
    Start Fleet    workers=1
    Inject Fault    worker-1    error event    after_tokens=3    code=VRAM_OOM
    ${answer} =    Submit Inference    hello
    Get Inference State    ${answer}    ==    done    within=1s

Second Worker Died
    Start Fleet    workers=2    token_delay=20ms    slots=2
    Submit Inference    other    to=worker-1    request_id=req-other
    ${answer} =    Submit Inference    hello    to=worker-2    request_id=req-mine
    Wait For Tokens    ${answer}    2
    Kill    worker-1
    Inject Fault    worker-2    reset    after_tokens=1
    ${again} =    Submit Inference    again    to=worker-2    request_id=req-again
    Get Inference State    ${again}    ==    done    within=300ms

Wrong Key
    Start Fleet    workers=1    api_key=secret-1
    ${answer} =    Submit Inference    hello    to=worker-1    api_key=secret-2
    Get Inference State    ${answer}    ==    done

Unknown Node
    Start Fleet    workers=1
    ${answer} =    Submit Inference    hello    node=atlantis
    Get Inference State    ${answer}    ==    done

Worker That Loads
    Start Worker    hive=None    load_time=1h    until=loading
    ${answer} =    Submit Inference    hello    to=worker-1
    Get Inference State    ${answer}    ==    done

Dead Hive
    Start Fleet    workers=1
    Kill    hive
    ${answer} =    Submit Inference    hello
    Get Inference State    ${answer}    ==    done

Hive That Refuses
    Start Fleet    workers=1
    Inject Fault    hive    refuse
    ${hive} =    Get Daemon    hive
    Run Keyword And Ignore Error    GET    ${hive.url}/v1/health    timeout=2
    ${answer} =    Submit Inference    hello
    Get Inference State    ${answer}    ==    done

Dead Queen
    Start Fleet    workers=1
    Kill    queen
    ${answer} =    Submit Inference    hello
    Get Inference State    ${answer}    ==    done

Broken Ssh
    Start Node    ssh=timeout
    Start Queen
    Add Hive To Registry    workstation
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Checksum That Is Always Wrong
    Start Model Hub
    Start Fleet
    Set Time Rate    20
    Inject Fault    hub    corrupt    path=${FILE_PATH}
    ${answer} =    Submit Inference    hello    model=${MODEL}
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done

Download That Failed
    Start Hub And Hive    download_attempts=2
    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=0
    ${download} =    Begin Download
    Download Should Complete    ${download}

Unknown Model
    Start Model Hub
    Start Fleet
    ${answer} =    Submit Inference    hello    model=hf:NonExistent/FakeModel
    Get Inference State    ${answer}    ==    done

Mended Stream
    Start Fleet    workers=1
    Inject Fault    worker-1    break    after_tokens=3
    Inject Fault    queen    mend stream
    ${answer} =    Submit Inference    hello
    Wait Until Inference Ends    ${answer}
    Fleet Should Have Behaved

Cancelled By The Client
    Start Fleet    workers=1    token_delay=50ms
    ${answer} =    Submit Inference    hello    to=worker-1
    Wait For Tokens    ${answer}    2
    Cancel Inference    ${answer}
    Get Inference State    ${answer}    ==    done
