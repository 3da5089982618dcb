*** Settings ***
Documentation       Before a worker starts, the hive checks whether its model fits: 1.2 times its size in RAM and VRAM, backend,
...                 disk. Before that, the queen checks the version of the hive.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
${BIG}    hf:org/big


*** Test Cases ***
Enough RAM Lets The Worker Start
    [Documentation]    The model needs 1.2 times 5000 MB, and 8000 MB are free.
    [Tags]    S23
    Start Hive With Big Model    ram=8000MB
    Start Worker    model_ref=${BIG}
    Get Worker Count    hive    ==    1
    Get Child Count    hive    ==    1

Too Little RAM Stops The Spawn
    [Documentation]    6000 MB are needed, 4000 MB are free. The error has both numbers; no process and no row appear.
    [Tags]    S24    S53
    Start Hive With Big Model    ram=4000MB
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED
    Should Be Equal    ${error}[details]    {"required": 6000, "available": 4000, "resource": "ram"}    type=dict
    Should Not Be Empty    ${error}[message]

Just Enough RAM Is Enough
    [Tags]    S23
    Start Hive With Big Model    ram=6000MB
    Start Worker    model_ref=${BIG}

Too Little VRAM Stops The Spawn
    [Documentation]    VRAM matters only for a backend that has VRAM.
    [Tags]    S38    EC3
    Start Hive With Big Model    ram=8000MB    vram=4000MB
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED    backend=cuda
    Should Be Equal    ${error}[details]    {"required": 6000, "available": 4000, "resource": "vram"}    type=dict
    Start Worker    model_ref=${BIG}    backend=cpu

Real RAM Is Asked For Where None Is Given
    [Documentation]    The model needs a petabyte, which no machine has.
    Start Model Hub
    Start Hive    queen=None
    Add Row Of A Petabyte
    ${error} =    Spawn Should Fail    507    VRAM_EXHAUSTED    model=hf:org/huge
    Should Be Greater Than    ${error}[details][available]    0
    Should Be Greater Than    ${error}[details][required]    ${error}[details][available]

Available Backend Lets The Worker Start
    [Documentation]    The worker's command line has backend and device.
    [Tags]    S25
    Start Hive With Big Model    ram=8000MB    backends=cuda,cpu
    Start Worker    model_ref=${BIG}    backend=cuda    device=1
    Get Command Line    worker-1    contains    --backend cuda --device 1

Missing Backend Stops The Spawn
    [Documentation]    The message names the backend that was requested and those that the hive has.
    [Tags]    S26    U04
    Start Hive With Big Model    ram=8000MB    backends=cuda,cpu
    ${error} =    Spawn Should Fail    400    BACKEND_UNAVAILABLE    backend=metal
    Should Contain    ${error}[message]    metal
    Should Contain    ${error}[message]    cuda, cpu

File Size Drives Preflight And Catalog
    [Documentation]    The size of a sparse file of 5000 MB counts for the check and is written to the catalog.
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
    [Documentation]    5000 MB are needed, 1000 MB are free. The error has required, available and shortfall; no transfer begins.
    [Tags]    L011
    Start Model Hub    files=org/large/large.gguf=5000MB
    Start Hive    queen=None    disk=1000MB
    ${answer} =    Ask For Model    hf:org/large    status=507
    Should Be Equal    ${answer}[error][code]    INSUFFICIENT_DISK
    Should Be Equal    ${answer}[error][details]    {"required": 5000, "available": 1000, "shortfall": 4000}    type=dict
    No Request Should Come    hub    GET    /org/large/resolve/*

Disk That Fills During The Download Is Cleaned Up
    [Documentation]    The write fails with a real EFBIG after 2 MB. No file is left, and there is no second attempt.
    [Tags]    L012
    Start Hub And Hive    file_size_limit=2MB
    ${download} =    Begin Download
    ${error} =    Download Should Fail    ${download}    INSUFFICIENT_DISK
    Should Contain    ${error}[message]    File too large
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1
    Model Folder Should Be Empty

Disk Without Any Room Is Told Apart
    [Documentation]    The partial file is a link to /dev/full, so the write fails with a real ENOSPC.
    [Tags]    L012
    Start Hub And Hive
    ${folder} =    Get Option    hive    --models-dir
    Create Link    ${folder}/tinyllama-q4.gguf.partial    /dev/full
    ${download} =    Begin Download
    ${error} =    Download Should Fail    ${download}    INSUFFICIENT_DISK
    Should Contain    ${error}[message]    No space left on device
    Model Folder Should Be Empty

Healthy Hive Passes Preflight
    [Documentation]    The queen requests the hive's health; the version fits, and the next request is for the model.
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
    @{requests} =    Get Requests    hive    since=${mark}
    @{paths} =    Format Each    ${requests}    {method} {path}
    VAR    @{expected}    GET /v1/workers/list    GET /v1/health    POST /v1/models/download
    Should Be Equal    ${paths}[:3]    ${expected}

Version Mismatch Stops The Run
    [Documentation]    The queen answers 409. Nothing is downloaded or started.
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
    [Documentation]    Starts a hive whose catalog has a model of 5000 MB.
    [Arguments]    &{options}
    Start Model Hub
    Start Hive    queen=None    &{options}
    Add Model To Catalog    ${BIG}    size=5000MB

Spawn Should Fail
    [Documentation]    The request for a worker is refused, and there is no process and no row; returns the error.
    [Arguments]    ${status}    ${code}    ${model}=${BIG}    ${backend}=cpu
    ${hive} =    Get Daemon    hive
    VAR    &{body}    model_ref=${model}    backend=${backend}    device=${1}
    ${answer} =    POST    ${hive.url}/v1/workers/spawn    json=${body}    timeout=10    expected_status=${status}
    Should Be Equal    ${answer.json()}[error][code]    ${code}
    Get Child Count    hive    ==    0
    Get Worker Count    hive    ==    0
    RETURN    ${answer.json()}[error]

Add Row Of A Petabyte
    [Documentation]    Adds a row to the catalog with a size of a petabyte. The file itself is small.
    ${file} =    Create Model File    huge.gguf
    Add Model To Catalog    hf:org/huge    path=${file}
    ${path} =    Get Option    hive    --models-db
    Change Database    ${path}    UPDATE models SET size_bytes = 1 << 50

Model Folder Should Be Empty
    [Documentation]    The folder has neither a file nor a partial file.
    ${folder} =    Get Option    hive    --models-dir
    Directory Should Be Empty    ${folder}
