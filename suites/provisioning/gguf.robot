*** Settings ***
Documentation       A worker reads the header of its model file. There is no engine: what the header says is shown,
...                 and used where it can be seen.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
GGUF Format Is Recognised
    [Documentation]    A valid file makes a worker ready that says what it read.
    [Tags]    S19
    ${file} =    Create Model File    good.gguf
    ${worker} =    Start Worker    hive=None    model=${file}
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[gguf][architecture]    llama

Other Format Is Refused
    [Documentation]    The same bytes under another name: exit code 1, the reason on standard error.
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
    Evaluate    pathlib.Path($file).open("r+b").write(b"GGML")    modules=pathlib
    Run Keyword And Expect Error    *exited with 1*begins with b'GGML'*    Start Worker    hive=None    model=${file}

Header That Is Cut Short Is Refused
    [Tags]    S19
    ${file} =    Create Model File    short.gguf
    Evaluate    os.truncate($file, 30)    modules=os
    Run Keyword And Expect Error    *exited with 1*cut short*    Start Worker    hive=None    model=${file}

GGUF Metadata Is Read And Used
    [Documentation]    Generation ends where the engine produces the header's end-of-sequence id: the third is 2, the fourth 9.
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
    Should Be Equal    ${answer.events}[-1][stop_reason]    EOS
    ${file} =    Create Model File    nine.gguf    eos_token_id=9
    Start Worker    worker-2    hive=None    model=${file}    token_ids=5,17,2,9
    ${answer} =    Submit Inference    tell me    to=worker-2    max_tokens=20
    Wait Until Inference Ends    ${answer}
    Get Token Count    ${answer}    ==    3

Three Quantizations Load
    [Documentation]    Sparse files of real sizes; each worker reports its own and answers.
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
    Should Be Equal    ${vram}    ${{ [669, 817, 1260] }}

Model From The Hub Is A GGUF
    [Documentation]    What a hive downloads, its worker can read.
    [Tags]    S19
    Start Hub And Hive
    ${worker} =    Start Worker    model_ref=${MODEL}
    ${status} =    GET    ${worker.url}/v1/status    timeout=5
    Should Be Equal    ${status.json()}[gguf][quantization]    Q4_K_M
    Should Be Equal As Integers    ${status.json()}[gguf][size_bytes]    ${MODEL_SIZE}
