*** Settings ***
Documentation       The catalog of a hive is a file. It survives the hive, and a corrupt file is replaced.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Catalog Outlives Its Hive
    [Documentation]    The hive is killed and started again on the same files. The model is still known.
    [Tags]    S18
    Start Hub And Hive
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Kill    hive
    Restart    hive
    ${answer} =    Ask For Model
    Should Be Equal    ${answer}[download_id]    cached

Corrupt Catalog Is Replaced
    [Documentation]    The corrupt file is kept under another name, an empty catalog replaces it, and the hive works.
    [Tags]    L043
    Start Hub And Hive
    ${path} =    Get Option    hive    --models-db
    Stop    hive
    Create File    ${path}    this was a catalog once
    Remove Files    ${path}-wal    ${path}-shm
    Restart    hive
    File Should Exist    ${path}.corrupt.backup
    ${kept} =    Get File    ${path}.corrupt.backup
    Should Be Equal    ${kept}    this was a catalog once
    @{records} =    Get Records    hive    catalog_recovered
    Should Be Equal    ${records}[0][path]    ${path}.corrupt.backup
    Get Output    hive    contains    the model catalog was corrupt
    Get Catalog Count    hive    ==    0
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Start Worker    model_ref=${MODEL}

Catalog That Becomes Corrupt In Use Is Replaced
    [Tags]    L043
    Start Hub And Hive
    ${download} =    Begin Download
    Download Should Complete    ${download}
    ${path} =    Get Option    hive    --models-db
    Create File    ${path}    overwritten by somebody
    Remove Files    ${path}-wal    ${path}-shm
    ${answer} =    Ask For Model
    Should Not Be Equal    ${answer}[download_id]    cached
    ${again} =    Follow Download    ${answer}[download_id]
    Download Should Complete    ${again}
    Get Request Count    hub    GET    ${FILE_PATH}    ==    2
    File Should Exist    ${path}.corrupt.backup

Shutdown Leaves The Catalog Alone
    [Documentation]    Three workers end with their hive, and the row is still there.
    [Tags]    S49
    Start Model Hub
    Start Fleet    workers=3
    Add Model To Catalog    ${MODEL}
    Terminate    hive
    Get Exit Code    hive    ==    0
    FOR    ${worker}    IN    worker-1    worker-2    worker-3
        Get Exit Code    ${worker}    ==    0
        Get Request Count    ${worker}    POST    /v1/admin/shutdown    ==    1
    END
    Get Catalog Count    hive    ==    1    reference=${REPOSITORY}

Unusable Catalog Ends The Hive At Once
    [Documentation]    The hive exits with code 1, and its message names the path.
    Create File    ${OUTPUT DIR}/in-the-way
    Run Keyword And Expect Error
    ...    *exited with 1 while starting*in-the-way*
    ...    Start Hive
    ...    queen=None
    ...    provision=on
    ...    models_db=${OUTPUT DIR}/in-the-way/models.db
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/in-the-way    AND    Fleet Should Have Behaved

Catalog Is Asked By Provider
    [Documentation]    Two models of provider hf, and a local file, whose provider is `file`.
    [Tags]    U01
    Start Hub And Hive
    Add Model To Catalog    hf:org/one
    Add Model To Catalog    hf:org/two
    Create Model File    ${OUTPUT DIR}/local.gguf
    Ask For Model    file://${OUTPUT DIR}/local.gguf
    Get Catalog Count    hive    ==    3
    Get Catalog Count    hive    ==    2    provider=hf
    Get Catalog Count    hive    ==    1    provider=file
    [Teardown]    Run Keywords    Remove File    ${OUTPUT DIR}/local.gguf    AND    Fleet Should Have Behaved

Model File That Vanished Is Named And Marked
    [Documentation]    The row stays, with size 0. A spawn names the file; a download brings the file back.
    [Tags]    U12
    Start Hub And Hive
    ${download} =    Begin Download
    Download Should Complete    ${download}
    @{rows} =    Get Rows    hive    models
    Remove File    ${rows}[0][local_path]
    Run Keyword And Expect Error    *404 MODEL_NOT_FOUND: model file ${rows}[0][local_path] is not there*
    ...    Start Worker    model_ref=${MODEL}
    @{marked} =    Get Rows    hive    models
    Should Be Equal As Integers    ${marked}[0][size_bytes]    0
    Get Child Count    hive    ==    0
    ${again} =    Begin Download
    Download Should Complete    ${again}
    Start Worker    model_ref=${MODEL}
    Get Worker Count    hive    ==    1
