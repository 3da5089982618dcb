*** Settings ***
Documentation       Downloads from the hub: progress, one transfer for simultaneous requests, retries and resumption, checksums.

Library             ../../resources/together.py
Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Missing Model Is Downloaded With Progress
    [Documentation]    5 MB at 10 MB/s: one event for each MB, spread over time, then the path, then the end.
    ...    The speed is that of the line, or less if the machine is busy.
    [Tags]    S16
    Start Model Hub    rate=10MB
    Start Hive    queen=None
    ${download} =    Begin Download
    @{events} =    Wait Until Stream Ends    ${download}
    @{stages} =    Get Field Of Each    ${events}[:-1]    stage
    VAR    @{expected}    downloading    downloading    downloading    downloading    downloading    complete
    Should Be Equal    ${stages}    ${expected}
    FOR    ${number}    ${event}    IN ENUMERATE    @{events}[:5]    start=1
        Should Be Equal    ${event}[bytes_downloaded]    ${number * 1048576}
        Should Be Between    ${event}[speed_mbps]    1    10
    END
    Should Be Equal As Integers    ${events}[0][bytes_total]    ${MODEL_SIZE}
    VAR    ${spread}    ${download.times[4] - ${download.times[0]}}
    Should Be Greater Than    ${spread}    0.2    msg=five events arrived within ${spread} s: they were not sent one by one
    Download Should Complete    ${download}

Cached Model Is Not Downloaded
    [Documentation]    The catalog has a row for the model. The hub gets no request, and the worker gets the file of the row.
    [Tags]    S15
    Start Hub And Hive
    Add Model To Catalog    ${MODEL}
    ${answer} =    Ask For Model
    @{rows} =    Get Rows    hive    models
    VAR    &{expected}    download_id=cached    local_path=${rows}[0][local_path]
    Dictionaries Should Be Equal    ${answer}    ${expected}
    Start Worker    model_ref=${MODEL}
    Get Command Line    worker-1    contains    --model ${rows}[0][local_path]
    No Request Should Come    hub    GET    *

Downloaded Model Is In The Catalog
    [Documentation]    All six columns of the row are right, and the next request is answered from it.
    [Tags]    S18
    Start Hub And Hive
    ${before} =    Get Clock Date
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{rows} =    Get Rows    hive    models
    Should Be Equal    ${rows}[0][id]    tinyllama-q4
    Should Be Equal    ${rows}[0][provider]    hf
    Should Be Equal    ${rows}[0][reference]    ${REPOSITORY}
    Should End With    ${rows}[0][local_path]    /models/tinyllama-q4.gguf
    Should Be Equal As Integers    ${rows}[0][size_bytes]    ${MODEL_SIZE}
    Should Be Between    ${rows}[0][downloaded_at_unix]    ${before - 1}    ${before + 60}
    ${answer} =    Ask For Model
    Should Be Equal    ${answer}[download_id]    cached

Broken Download Is Resumed At The Byte
    [Documentation]    The hub resets the connection after exactly 2 MB, once. The second request begins there, 100 ms later.
    [Tags]    S17    L009
    Start Hub And Hive
    ${fault} =    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=2097152    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Should Be Equal As Integers    ${retry}[attempt]    2
    Should Be Equal As Integers    ${retry}[max_attempts]    6
    Should Be Equal As Integers    ${retry}[delay_ms]    100
    Should Be Equal As Integers    ${retry}[bytes_downloaded]    2097152
    Should Contain    ${retry}[error]    Connection reset by peer
    Download Should Complete    ${download}
    Ranges Should Be    ${EMPTY}    bytes=2097152-
    @{pauses} =    Get Retry Pauses
    Should Be Between    ${pauses}[0]    100    199
    Get Fault Hits    ${fault}    ==    1

Cancelled Download Keeps Its Part And Is Resumed
    [Documentation]    The download ends at once, the partial file stays, and the next request goes on at its byte.
    [Tags]    U06
    Start Model Hub    rate=5MB
    ${hive} =    Start Hive    queen=None
    ${first} =    Begin Download
    Wait For Event    ${first}    bytes_downloaded=2097152
    DELETE    ${hive.url}/v1/models/download    timeout=5    expected_status=204
    ${failed} =    Download Should Fail    ${first}    REQUEST_CANCELED
    Should Match Regexp    ${failed}[message]    was cancelled; [2-4]\\d{6} bytes of it are kept
    ${mark} =    Mark Journal
    ${second} =    Begin Download
    Download Should Complete    ${second}
    @{asked} =    Get Requests    hub    GET    ${FILE_PATH}    since=${mark}
    Length Should Be    ${asked}    1
    Should Match Regexp    ${asked[0].headers}[Range]    bytes=[2-4]\\d{6}-

Unknown Download Cannot Be Cancelled
    Start Hub And Hive
    ${hive} =    Get Daemon    hive
    ${answer} =    DELETE    url=${hive.url}/v1/models/download?id=nobody    timeout=5    expected_status=404
    Should Be Equal    ${answer.json()}[error][code]    DOWNLOAD_NOT_FOUND

Download Is Given Up After Six Attempts
    [Documentation]    The pauses are 100, 200, 400, 800 and 1600 ms of the run's clock.
    [Tags]    S17    L009
    Start Hub And Hive
    Set Time Rate    0
    ${fault} =    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=0
    ${download} =    Begin Download
    Advance Time    10 s
    ${error} =    Download Should Fail    ${download}    DOWNLOAD_FAILED
    Should Contain    ${error}[message]    6 attempts
    Get Request Count    hub    GET    ${FILE_PATH}    ==    6    within=0s
    ${pauses} =    Get Retry Pauses
    Should Be Equal    ${pauses}    [100, 200, 400, 800, 1600]    type=list[int]
    Get Fault Hits    ${fault}    ==    6

Partial File Of An Earlier Run Is Used
    [Documentation]    A killed hive has left 3 of 5 MB. The next one requests the rest, and its progress begins at 60 %.
    [Tags]    L044
    Start Hub And Hive
    Inject Fault    hub    stall    path=${FILE_PATH}    after_bytes=3145728    times=1
    ${download} =    Begin Download
    Wait For Event    ${download}    stage=downloading    bytes_downloaded=3145728
    Kill    hive
    Restart    hive
    Inject Fault    hub    delay    path=${FILE_PATH}    delay=1s
    Set Time Rate    0
    ${mark} =    Mark Journal
    ${download} =    Begin Download
    Get Request Count    hive    GET    /v1/models/download/progress    ==    1    status=200    since=${mark}
    Wait Until Timer    hub    delay
    Advance Time    1 s
    @{events} =    Wait Until Stream Ends    ${download}
    Should Be Greater Than    ${events}[0][bytes_downloaded]    ${MODEL_SIZE * 0.6}
    Download Should Complete    ${download}
    Ranges Should Be    ${EMPTY}    bytes=3145728-

Twenty Who Ask At Once Get One Download
    [Documentation]    The hub serves the file once, and all twenty clients read the same progress to its end.
    Start Hub And Hive
    ${hive} =    Get Daemon    hive
    Set Time Rate    0
    ${stall} =    Inject Fault    hub    delay    path=${FILE_PATH}    delay=1s
    VAR    &{body}    model_ref=${MODEL}
    @{answers} =    Post Together    20    ${hive.url}/v1/models/download    ${body}
    Wait Until Timer    hub    delay
    Get Catalog Count    hive    ==    0    within=0s
    Advance Time    1 s
    FOR    ${answer}    IN    @{answers}
        Should Be Equal    ${answer}[download_id]    ${answers}[0][download_id]
        ${download} =    Follow Download    ${answer}[download_id]
        @{events} =    Wait Until Stream Ends    ${download}
        Should Be Equal    ${events}[-2][stage]    complete    msg=${events}[-2]
    END
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1
    Get Fault Hits    ${stall}    ==    1
    Get Catalog Count    hive    ==    1
    File Should Be The Hub's    ${events}[-2][local_path]

Late Reader Of A Running Download Reads On
    [Documentation]    The line is held after 3 of 5 MB. A second reader is told about those 3 MB at once, and reads to the end.
    Start Hub And Hive
    ${stall} =    Inject Fault    hub    stall    path=${FILE_PATH}    after_bytes=3145728    delay=10s    times=1
    Set Time Rate    0
    ${download} =    Begin Download
    Wait For Event    ${download}    bytes_downloaded=3145728
    ${late} =    Follow Download    ${download.id}
    Wait For Event    ${late}    bytes_downloaded=3145728
    Length Should Be    ${late.events}    1
    Advance Time    10 s
    @{events} =    Wait Until Stream Ends    ${late}
    @{stages} =    Get Field Of Each    ${events}[:-1]    stage
    Should Be Equal    ${stages}[-1]    complete
    Get Fault Hits    ${stall}    ==    1

Late Reader Gets The Last Event
    [Documentation]    The last event is served until 60 s after the download. Then its id is unknown.
    Start Hub And Hive
    ${hive} =    Get Daemon    hive
    Set Time Rate    0
    ${download} =    Begin Download
    Wait Until Stream Ends    ${download}
    ${late} =    Follow Download    ${download.id}
    @{events} =    Wait Until Stream Ends    ${late}
    Length Should Be    ${events}    2
    Should Be Equal    ${events}[0][stage]    complete    msg=${events}[0]
    Should Be Equal    ${events}[1]    [DONE]
    Advance Time    59 s
    GET    url=${hive.url}/v1/models/download/progress?id=${download.id}    timeout=5    expected_status=200
    Advance Time    1 s
    ${gone} =    GET
    ...    url=${hive.url}/v1/models/download/progress?id=${download.id}
    ...    timeout=5
    ...    expected_status=404
    Should Be Equal    ${gone.json()}[error][code]    DOWNLOAD_NOT_FOUND

Unknown Model Is Reported
    [Documentation]    The hub gets one request and no second one. The message has the URL of the hub.
    [Tags]    L006
    Start Hub And Hive
    ${hub} =    Get Daemon    hub
    ${answer} =    Ask For Model    hf:NonExistent/FakeModel    status=404
    Should Be Equal    ${answer}[error][code]    MODEL_NOT_FOUND
    Should Contain    ${answer}[error][message]    ${hub.url}
    Get Request Count    hub    GET    *    ==    1    within=0s
    Get Catalog Count    hive    ==    0

Private Model Is Reported
    [Documentation]    Without the token the model is refused; with the token it is downloaded.
    [Tags]    L007
    Start Model Hub    gated=${REPOSITORY}    token=hf_secret
    Start Hive    queen=None
    ${refused} =    Ask For Model    status=403
    Should Be Equal    ${refused}[error][code]    MODEL_ACCESS_DENIED
    Should Contain    ${refused}[error][message]    HF_TOKEN
    Start Hive    trusted    queen=None    hf_token=hf_secret
    ${download} =    Begin Download    trusted
    @{events} =    Wait Until Stream Ends    ${download}
    Should Be Equal    ${events}[-2][stage]    complete    msg=${events}[-2]
    Get Catalog Count    trusted    ==    1

Stalled Download Times Out
    [Documentation]    An attempt fails after 60 s without a byte. After six attempts the download is given up.
    [Tags]    L008
    Start Hub And Hive
    Set Time Rate    0
    ${fault} =    Inject Fault    hub    stall    path=${FILE_PATH}    after_bytes=1
    ${download} =    Begin Download
    Wait Until Timer    hive    download-stall
    Advance Time    59 s
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1    within=0s
    Advance Time    6 min
    Download Should Fail    ${download}    DOWNLOAD_TIMEOUT
    Get Request Count    hub    GET    ${FILE_PATH}    ==    6    within=0s
    Get Fault Hits    ${fault}    ==    6

Wrong Checksum Is Downloaded Again
    [Documentation]    One byte is wrong. The file is deleted and downloaded again from its first byte.
    [Tags]    L010
    Start Hub And Hive
    ${fault} =    Inject Fault    hub    corrupt    path=${FILE_PATH}    after_bytes=4000000    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Should Be Equal As Integers    ${retry}[attempt]    2
    Should Be Equal As Integers    ${retry}[max_attempts]    6
    Should Be Equal As Integers    ${retry}[bytes_downloaded]    0
    Should Contain    ${retry}[error]    checksum
    Download Should Complete    ${download}
    Ranges Should Be    ${EMPTY}    ${EMPTY}
    Get Fault Hits    ${fault}    ==    1

Checksum That Is Always Wrong Is Given Up
    [Documentation]    After six attempts neither a file nor a row is left.
    [Tags]    L010
    Start Hub And Hive
    Set Time Rate    0
    Inject Fault    hub    corrupt    path=${FILE_PATH}
    ${download} =    Begin Download
    Advance Time    10 s
    Download Should Fail    ${download}    DOWNLOAD_FAILED
    Get Request Count    hub    GET    ${FILE_PATH}    ==    6    within=0s
    ${folder} =    Get Option    hive    --models-dir
    Directory Should Be Empty    ${folder}

File Behind A Redirect Is Found
    [Documentation]    Hubs with a content delivery network redirect to their files.
    Start Model Hub    redirect=on
    Start Hive    queen=None
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Get Request Count    hub    GET    /cdn/*    ==    1
