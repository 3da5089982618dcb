*** Settings ***
Documentation       What a hive makes of a hub that breaks off, lies and changes its mind.

Resource            ../../resources/models.resource

Test Setup          Start Hub And Hive
Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Cut
    [Documentation]    RST when exactly so many bytes have arrived: what a plain client has by then is exactly that.
    ${fault} =    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=2097152    times=1
    ${hub} =    Get Daemon    hub
    ${came} =    Read Until The Line Breaks    ${hub.url}${FILE_PATH}
    Length Should Be    ${came}    2097152
    Get Fault Hits    ${fault}    ==    1

Corrupt
    [Documentation]    The checksum tells; the file comes again from its first byte.
    Set Time Rate    10
    ${fault} =    Inject Fault    hub    corrupt    path=${FILE_PATH}    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Should Contain    ${retry}[error]    checksum is wrong
    Download Should Complete    ${download}
    Get Fault Hits    ${fault}    ==    1

Changed Etag
    [Documentation]    Another file by now: what is there does not fit, and the download begins anew.
    Set Time Rate    10
    Inject Fault    hub    cut    path=${FILE_PATH}    after_bytes=1048576    times=1
    ${fault} =    Inject Fault    hub    changed etag    path=${FILE_PATH}    after_requests=1    times=1
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{retries} =    Evaluate
    ...    [event["error"] for event in $download.events if event != "[DONE]" and event["stage"] == "retrying"]
    Should Be Equal    ${retries}[1]    the file has changed at the hub
    @{ranges} =    Get Ranges
    Should Be Equal    ${ranges}    ${{ ["", "bytes=1048576-", ""] }}
    Get Fault Hits    ${fault}    ==    1

Huge Length
    [Documentation]    In the description: more than any disk has. In the answer: not what the description says.
    ${fault} =    Inject Fault    hub    huge length    path=/api/*    times=2
    ${said} =    Ask For Model    status=507
    Should Be Equal    ${said}[error][code]    INSUFFICIENT_DISK
    Get Fault Hits    ${fault}    >=    1
    Clear Faults
    ${fault} =    Inject Fault    hub    huge length    path=${FILE_PATH}    times=1
    ${download} =    Begin Download
    ${retry} =    Wait For Event    ${download}    stage=retrying
    Should Contain    ${retry}[error]    the hub declares 1125899906842624 bytes
    Download Should Complete    ${download}
    Get Fault Hits    ${fault}    ==    1

Short Body
    [Documentation]    The answer ends early and cleanly: the rest is asked for.
    Set Time Rate    10
    ${fault} =    Inject Fault    hub    close    path=${FILE_PATH}    after_bytes=3000000    times=1
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{ranges} =    Get Ranges
    Should Be Equal    ${ranges}[1]    bytes=3000000-
    Get Fault Hits    ${fault}    ==    1

Hub That Is Too Busy
    [Documentation]    429 for the file is an attempt that failed.
    Set Time Rate    10
    ${fault} =    Inject Fault    hub    status    path=${FILE_PATH}    status=429    times=2
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Get Request Count    hub    GET    ${FILE_PATH}    ==    3
    Get Fault Hits    ${fault}    ==    2
