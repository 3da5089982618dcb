*** Settings ***
Documentation       Before a worker starts, the hive looks whether its model fits: RAM and VRAM times 1.2, backend, disk,
...                 and whether the hive speaks the keeper's version at all.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${BIG}    hf:org/big


*** Test Cases ***
Enough RAM Lets The Worker Start
    [Documentation]    5000 MB times 1.2 are 6000, and 8000 are free.
    [Tags]    S23
    Start Hive With Big Model    ram=8000MB
    Start Worker    model_ref=${BIG}
    Get Worker Count    hive    ==    1
    Get Child Count    hive    ==    1

Too Little RAM Stops The Spawn
    [Documentation]    6000 MB are needed, 4000 are free: an error with both numbers, no process, no row.
    [Tags]    S24    S53
    Start Hive With Big Model    ram=4000MB
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED
    Should Be Equal    ${error}[details]    ${{ {"required": 6000, "available": 4000, "resource": "ram"} }}
    Should Not Be Empty    ${error}[message]

Just Enough RAM Is Enough
    [Tags]    S23
    Start Hive With Big Model    ram=6000MB
    Start Worker    model_ref=${BIG}

Too Little VRAM Stops The Spawn
    [Documentation]    Only for a backend that has any.
    [Tags]    S38    EC3
    Start Hive With Big Model    ram=8000MB    vram=4000MB
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED    backend=cuda
    Should Be Equal    ${error}[details]    ${{ {"required": 6000, "available": 4000, "resource": "vram"} }}
    Start Worker    model_ref=${BIG}    backend=cpu

Real RAM Is Asked For Where None Is Given
    [Documentation]    Nobody has a petabyte.
    Start Model Hub
    Start Hive    queen=None
    Add Row Of A Petabyte
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED    model=hf:org/huge
    Should Be True    0 < ${error}[details][available] < ${error}[details][required]

Available Backend Lets The Worker Start
    [Documentation]    The worker's command line names backend and device.
    [Tags]    S25
    Start Hive With Big Model    ram=8000MB    backends=cuda,cpu
    Start Worker    model_ref=${BIG}    backend=cuda    device=1
    Get Command Line    worker-1    contains    --backend cuda --device 1

Missing Backend Stops The Spawn
    [Documentation]    Also without a model; the message names what is wanted and what there is.
    [Tags]    S26
    Start Hive With Big Model    ram=8000MB    backends=cuda,cpu
    ${error} =    Spawn Should Fail    400    BACKEND_UNAVAILABLE    backend=metal
    Should Contain    ${error}[message]    metal
    Should Contain    ${error}[message]    cuda, cpu

File Size Drives Preflight And Catalog
    [Documentation]    A sparse file of 5000 MB: its size on the disk is what counts.
    [Tags]    S22
    Start Model Hub
    Start Hive    queen=None    ram=4000MB
    ${file} =    Create Model File    big.gguf    size=5000MB
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED    model=file://${file}
    Should Be Equal As Integers    ${error}[details][required]    6000
    @{rows} =    Get Rows    hive    models    provider=file
    Should Be Equal As Integers    ${rows}[0][size_bytes]    5242880000
    ${size} =    Get File Size    ${file}
    Should Be Equal As Integers    ${size}    5242880000

Full Disk Stops The Download Before It Starts
    [Documentation]    5000 MB are needed, 1000 are free: required, available and shortfall, and no transfer is begun.
    [Tags]    L011
    Start Model Hub    files=org/large/large.gguf=5000MB
    Start Hive    queen=None    disk=1000MB
    ${said} =    Ask For Model    hf:org/large    status=507
    Should Be Equal    ${said}[error][code]    INSUFFICIENT_DISK
    Should Be Equal    ${said}[error][details]    ${{ {"required": 5000, "available": 1000, "shortfall": 4000} }}
    No Request Should Come    hub    GET    /org/large/resolve/*

Disk That Fills During The Download Is Cleaned Up
    [Documentation]    A real EFBIG after 2 MB: nothing is left, nothing is tried again.
    [Tags]    L012
    Start Hub And Hive    file_size_limit=2MB
    ${download} =    Begin Download
    ${error} =    Download Should Fail    ${download}    INSUFFICIENT_DISK
    Should Contain    ${error}[message]    File too large
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1
    Model Folder Should Be Empty

Disk Without Any Room Is Told Apart
    [Documentation]    A real ENOSPC: the partial file leads to /dev/full.
    [Tags]    L012
    Start Hub And Hive
    ${folder} =    Get Option    hive    --models-dir
    Evaluate    os.symlink("/dev/full", $folder + "/tinyllama-q4.gguf.partial")    modules=os
    ${download} =    Begin Download
    ${error} =    Download Should Fail    ${download}    INSUFFICIENT_DISK
    Should Contain    ${error}[message]    No space left on device
    Model Folder Should Be Empty

Healthy Hive Passes Preflight
    [Documentation]    Health is asked once, its version fits, and the next request is for the model.
    [Tags]    S12
    Start Model Hub
    Start Fleet
    ${hive} =    Get Daemon    hive
    ${health} =    GET    ${hive.url}/v1/health    timeout=5
    Should Be Equal    ${health.text}    {"status":"alive","version":"0.1.0","api_version":"v1"}
    ${mark} =    Mark Journal
    ${answer} =    Submit Inference    good morning    model=${MODEL}    max_tokens=3
    Wait Until Inference Ends    ${answer}
    Get Inference State    ${answer}    ==    done
    @{requests} =    Get Requests    hive    ${None}    ${None}    since=${mark}
    @{paths} =    Evaluate    [f"{request.method} {request.path}" for request in $requests][:3]
    VAR    @{expected}    GET /v1/workers/list    GET /v1/health    POST /v1/models/download
    Lists Should Be Equal    ${paths}    ${expected}

Version Mismatch Stops The Run
    [Documentation]    Both versions are in the message; nothing is downloaded, nothing started.
    [Tags]    S13    EC8
    Start Queen
    Start Hive    report_version=0.2.0
    ${answer} =    Submit Inference    good morning    model=${MODEL}
    Wait Until Inference Ends    ${answer}
    Get Inference Error    ${answer}    ==    VERSION_MISMATCH
    Should Be Equal As Integers    ${answer.status}    409
    No Request Should Come    hive    POST    *


*** Keywords ***
Start Hive With Big Model
    [Documentation]    A hive whose catalog has a model of 5000 MB.
    [Arguments]    &{options}
    Start Model Hub
    Start Hive    queen=None    &{options}
    Add Model To Catalog    ${BIG}    size=5000MB

Spawn Should Fail
    [Documentation]    Asks for a worker; returns the error. There is no process and no row.
    [Arguments]    ${status}    ${code}    ${model}=${BIG}    ${backend}=cpu
    ${hive} =    Get Daemon    hive
    ${answer} =    POST
    ...    ${hive.url}/v1/workers/spawn
    ...    json=${{ {"model_ref": $model, "backend": $backend, "device": 1} }}
    ...    timeout=10
    ...    expected_status=${status}
    Should Be Equal    ${answer.json()}[error][code]    ${code}
    Get Child Count    hive    ==    0
    Get Worker Count    hive    ==    0
    RETURN    ${answer.json()}[error]

Add Row Of A Petabyte
    [Documentation]    A row that says so; the file itself is small.
    ${file} =    Create Model File    huge.gguf
    Add Model To Catalog    hf:org/huge    path=${file}
    ${path} =    Get Option    hive    --models-db
    Evaluate
    ...    sqlite3.connect($path, isolation_level=None).execute("UPDATE models SET size_bytes = 1 << 50")
    ...    modules=sqlite3

Model Folder Should Be Empty
    [Documentation]    No file, no partial file.
    ${folder} =    Get Option    hive    --models-dir
    Directory Should Be Empty    ${folder}
