*** Settings ***
Documentation       A worker reads the header of its GGUF file. The fake worker has no engine; it reports the header's values,
...                 and ends a generation at the end-of-sequence id.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
GGUF Format Is Recognised
    [Documentation]    With a valid file the worker becomes ready and reports the architecture from the header.
    [Tags]    S19
    ${file} =    Create Model File    good.gguf
    ${worker} =    Start Worker    hive=None    model=${file}
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[gguf][architecture]    llama

Other Format Is Refused
    [Documentation]    With the same bytes under another extension the worker exits with 1 and a reason on standard error.
    [Tags]    S19
    ${file} =    Create Model File    good.bin
    Run Keyword And Expect Error
    ...    *exited with 1*unsupported model format*
    ...    Start Worker
    ...    hive=None
    ...    model=${file}

Wrong Magic Is Refused
    [Tags]    S19
    ${file} =    Create Model File    bad.gguf
    Overwrite First Bytes    ${file}    GGML
    Run Keyword And Expect Error    *exited with 1*begins with b'GGML'*    Start Worker    hive=None    model=${file}

Header That Is Cut Short Is Refused
    [Tags]    S19
    ${file} =    Create Model File    short.gguf
    Truncate File    ${file}    30
    Run Keyword And Expect Error    *exited with 1*cut short*    Start Worker    hive=None    model=${file}

GGUF Metadata Is Read And Used
    [Documentation]    Generation ends at the header's end-of-sequence id.
    ...    Of the ids that the worker generates, the third is 2 and the fourth 9.
    [Tags]    S20
    ${file} =    Create Model File    two.gguf    eos_token_id=2
    ${worker} =    Start Worker    hive=None    model=${file}    token_ids=5,17,2,9    event_shape=typed
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal As Integers    ${status.json()}[gguf][vocab_size]    32000
    Should Be Equal As Integers    ${status.json()}[gguf][eos_token_id]    2
    Should Be Equal    ${status.json()}[gguf][quantization]    Q4_K_M
    ${answer} =    Submit Inference    tell me    to=worker-1    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    2
    Should Be Equal    ${answer.events}[-1][stop_reason]    EOS    msg=${answer.events}[-1]
    ${file} =    Create Model File    nine.gguf    eos_token_id=9
    Start Worker    worker-2    hive=None    model=${file}    token_ids=5,17,2,9
    ${answer} =    Submit Inference    tell me    to=worker-2    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    3

Three Quantizations Load
    [Documentation]    The files are sparse but have real sizes. Each worker reports its quantization and answers.
    [Tags]    S21
    VAR    @{vram}    @{EMPTY}
    FOR    ${number}    ${quantization}    ${size}    IN
    ...    1    Q4_K_M    669
    ...    2    Q5_K_M    817
    ...    3    Q8_0    1260
        ${file} =    Create Model File    ${quantization}.gguf    size=${size}MB    quantization=${quantization}
        ${worker} =    Start Worker    worker-${number}    hive=None    model=${file}
        ${status} =    GET    ${worker.url}/v1/status    timeout=5
        Should Be Equal    ${status.json()}[gguf][quantization]    ${quantization}
        Append To List    ${vram}    ${status.json()}[vram_mb]
        ${answer} =    Submit Inference    hello    to=worker-${number}    max_tokens=3
        Wait Until Inference Ends    ${answer}
        Get Token Count    ${answer}    ==    3
    END
    Should Be Equal    ${vram}    [669, 817, 1260]    type=list[int]

Model From The Hub Is A GGUF
    [Documentation]    The worker can read the file that its hive has downloaded.
    [Tags]    S19
    Start Hub And Hive
    ${worker} =    Start Worker    model_ref=${MODEL}
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[gguf][quantization]    Q4_K_M
    Should Be Equal As Integers    ${status.json()}[gguf][size_bytes]    ${MODEL_SIZE}
