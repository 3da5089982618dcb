*** Settings ***
Documentation       The catalog of a hive is a file that outlives it, whatever happens to the hive or to the file.

Resource            ../../resources/models.resource

Test Teardown       Fleet Should Have Behaved


*** Test Cases ***
Catalog Outlives Its Hive
    [Documentation]    SIGKILL, and a new hive on the same files: the model is still known.
    [Tags]    S18
    Start Hub And Hive
    ${download} =    Begin Download
    Download Should Complete    ${download}
    Kill    hive
    Restart    hive
    ${said} =    Ask For Model
    Should Be Equal    ${said}[download_id]    cached

Corrupt Catalog Is Replaced
    [Documentation]    Garbage is set aside unchanged, a fresh catalog takes its place, and the hive works.
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
    ${said} =    Ask For Model
    Should Not Be Equal    ${said}[download_id]    cached
    Download Should Complete    ${download}
    File Should Exist    ${path}.corrupt.backup

Shutdown Leaves The Catalog Alone
    [Documentation]    Three workers end with their hive; the row is still there.
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
    [Documentation]    Exit code 1, and the path in its last words.
    Create File    ${OUTPUT DIR}/in-the-way
    Run Keyword And Expect Error
    ...    *exited with 1 while starting*in-the-way*
    ...    Start Hive
    ...    queen=None
    ...    provision=on
    ...    models_db=${OUTPUT DIR}/in-the-way/models.db
    [Teardown]    Remove File    ${OUTPUT DIR}/in-the-way
