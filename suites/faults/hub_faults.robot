*** Settings ***
Documentation       Faults of the model hub, and how a hive's download deals with them: cut, corrupt and changed
...                 files, wrong lengths.

Resource            ../../resources/models.resource

Test Setup          Start Hub And Hive
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Cut
    [Documentation]    The connection is reset after exactly this many bytes, and a client has received exactly these.
    ${fault} =    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=2097152    times=1
    ${hub} =    Get Daemon    hub
    ${came} =    Read Until The Line Breaks    ${hub.url}${FILE_PATH}
    Length Should Be    ${came}    2097152
    Get Fault Hits    ${fault}    ==    1

Corrupt
    [Documentation]    The checksum is wrong, and the file is downloaded again from its first byte.
    ${fault} =    Inject Fault    hub    corrupt    path=${FILE_PATH}    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Set Time Rate    10
    Should Contain    ${retry}[error]    checksum is wrong
    Download Should Complete    ${download}
    Get Fault Hits    ${fault}    ==    1

Changed Etag
    [Documentation]    The file has changed at the hub. The partial file does not fit any more, and the download begins anew.
    Set Time Rate    10
    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=1048576    times=1
    ${fault} =    Inject Fault    hub    changed etag    path=${FILE_PATH}    after_requests=1    times=1
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{failures} =    Get Records    hive    download_failed
    Should Be Equal    ${failures}[1][reason]    the file has changed at the hub
    Ranges Should Be    ${EMPTY}    bytes=1048576-    ${EMPTY}
    Get Fault Hits    ${fault}    ==    1

Huge Length
    [Documentation]    In the description, the length is more than any disk has. In the answer, it differs from the description.
    ${fault} =    Inject Fault    hub    huge length    path=/api/*    times=2
    ${answer} =    Ask For Model    status=507
    Should Be Equal    ${answer}[error][code]    INSUFFICIENT_DISK
    Get Fault Hits    ${fault}    >=    1
    Clear Faults
    ${fault} =    Inject Fault    hub    huge length    path=${FILE_PATH}    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Should Contain    ${retry}[error]    the hub declares 1125899906842624 bytes
    Download Should Complete    ${download}
    Get Fault Hits    ${fault}    ==    1

Short Body
    [Documentation]    The answer ends early, but cleanly. The hive requests the rest.
    Set Time Rate    10
    ${fault} =    Inject Fault    hub    close    path=${FILE_PATH}    after_bytes=3000000    times=1
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Ranges Should Be    ${EMPTY}    bytes=3000000-
    Get Fault Hits    ${fault}    ==    1

Hub That Is Too Busy
    [Documentation]    An answer of 429 for the file is a failed attempt.
    Set Time Rate    10
    ${fault} =    Inject Fault    hub    status    path=${FILE_PATH}    status=429    times=2
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Get Request Count    hub    GET    ${FILE_PATH}    ==    3
    Get Fault Hits    ${fault}    ==    2
