*** Settings ***
Documentation       A hive has a hub and mirrors: when one fails, the next one goes on, with the same file.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Mirror Goes On Where The Hub Broke Off
    [Documentation]    The first hub ends the connection after 2 MB. The mirror is asked for the rest only.
    Start Hubs And Hive
    Inject Fault    hub    cut    after_bytes=2097152    path=${FILE_PATH}
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{attempts} =    Get Records    hive    download_attempt
    Length Should Be    ${attempts}    2
    Should Be Equal As Integers    ${attempts}[1][offset]    2097152
    @{requests} =    Get Requests    mirror    GET    ${FILE_PATH}
    Should Be Equal    ${requests[0].headers}[Range]    bytes=2097152-
    Get Request Count    hub    GET    ${FILE_PATH}    ==    1

Hub That Is Away Is Replaced
    Start Hubs And Hive
    Kill    hub
    ${download} =    Begin Download
    Wait Until Stream Ends    ${download}
    Get Request Count    mirror    GET    ${FILE_PATH}    ==    1    status=200
    Restart    hub
    Download Should Complete    ${download}

Wrong Bytes Of The Hub Are Replaced By Those Of The Mirror
    Start Hubs And Hive
    ${fault} =    Inject Fault    hub    corrupt    path=${FILE_PATH}
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Get Fault Hits    ${fault}    ==    1

Mirror With Another File Is Not Mixed In
    [Documentation]    It has a file of the same name with another checksum, so the hive stays with its hub.
    Start Hubs And Hive    files=TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/tinyllama-q4.gguf=4MB
    Inject Fault    hub    cut    after_bytes=2097152    times=1    path=${FILE_PATH}
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Get Request Count    hub    GET    ${FILE_PATH}    ==    2
    No Request Should Come    mirror    GET    ${FILE_PATH}

Only The Hub Gets The Token
    Start Hubs And Hive    hf_token=secret-of-the-hub
    Inject Fault    hub    cut    after_bytes=2097152    path=${FILE_PATH}
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{at_the_hub} =    Get Requests    hub    GET    ${FILE_PATH}
    Dictionary Should Contain Key    ${at_the_hub[0].headers}    Authorization
    @{at_the_mirror} =    Get Requests    mirror    GET    *
    Length Should Be    ${at_the_mirror}    2
    FOR    ${request}    IN    @{at_the_mirror}
        Dictionary Should Not Contain Key    ${request.headers}    Authorization
    END

Model That Nobody Has Names All Hubs
    Start Hubs And Hive
    Start Queen
    ${answer} =    Ask For Model    hf:Nobody/Has-This    404
    Should Contain X Times    ${answer}[error][message]    hf:Nobody/Has-This was not found at    2

Hub That Is Away May Have The Model
    [Documentation]    The mirror does not have it, but that does not mean that nobody has it.
    Start Hubs And Hive
    Kill    hub
    ${answer} =    Ask For Model    hf:Nobody/Has-This    500
    Should Be Equal    ${answer}[error][code]    DOWNLOAD_FAILED


*** Keywords ***
Start Hubs And Hive
    [Documentation]    Starts a hub, a mirror with these files, and a hive that knows both.
    [Arguments]    ${files}=${None}    &{options}
    Start Model Hub
    Start Model Hub    mirror    files=${files}
    Start Hive    queen=None    hub=hub, mirror    &{options}
