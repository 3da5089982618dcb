*** Settings ***
Documentation       `rbee-keeper install` and the config file: which files are written, and which config file is used.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
@{PROGRAMS}         rbee-keeper    rbee-hive    llm-worker-rbee


*** Test Cases ***
User Install Fills The Home Directory
    [Documentation]    The keeper installs three programs, a config file and a models folder, and prints instructions.
    [Tags]    S54
    ${source}    ${home} =    Source And Home
    VAR    &{env}    HOME=${home}
    ${result} =    Keeper Should Succeed    install    --from    ${source}    env=${env}
    FOR    ${program}    IN    @{PROGRAMS}
        Program Should Be Installed    ${home}/.local/bin/${program}    ${source}/${program}
        Should Contain    ${result.stdout}    ${home}/.local/bin/${program}
    END
    File Should Exist    ${home}/.config/rbee/config.toml
    Directory Should Exist    ${home}/.local/share/rbee/models
    Should Contain    ${result.stdout}    Next:
    ${config} =    Get File    ${home}/.config/rbee/config.toml
    Should Have Parts    ${config}    [pool]    listen_addr = "127.0.0.1:9200"    [paths]    models_dir    catalog_db    [remote]

Existing Config Is Not Overwritten
    [Tags]    S54
    ${source}    ${home} =    Source And Home
    VAR    &{env}    HOME=${home}
    Create File    ${home}/.config/rbee/config.toml    [pool]\nname = "mine"\n
    Keeper Should Succeed    install    --from    ${source}    env=${env}
    ${config} =    Get File    ${home}/.config/rbee/config.toml
    Should Be Equal    ${config}    [pool]\nname = "mine"\n

Missing Program Is A Warning
    [Documentation]    The other programs are installed, and the exit code is 0.
    [Tags]    S54
    ${source}    ${home} =    Source And Home
    VAR    &{env}    HOME=${home}
    Remove File    ${source}/rbee-hive
    ${result} =    Keeper Should Succeed    install    --from    ${source}    env=${env}
    Should Have Parts    ${result.stdout}    warning    rbee-hive
    File Should Exist    ${home}/.local/bin/llm-worker-rbee

System Install Uses System Paths
    [Tags]    S55
    ${source}    ${home} =    Source And Home
    Keeper Should Succeed    install    --system    --root    ${home}/root    --from    ${source}
    FOR    ${program}    IN    @{PROGRAMS}
        Program Should Be Installed    ${home}/root/usr/local/bin/${program}    ${source}/${program}
    END
    Directory Should Exist    ${home}/root/var/lib/rbee/models
    ${config} =    Get File    ${home}/root/etc/rbee/config.toml
    Should Have Parts    ${config}    ${home}/root/var/lib/rbee/models"    ${home}/root/var/lib/rbee/models.db"

System Install That Cannot Write Leaves Nothing
    [Documentation]    A file stands where a folder has to be. The keeper names the path, exits with 1, and writes nothing.
    [Tags]    S55
    ${source}    ${home} =    Source And Home
    Create File    ${home}/root/var
    ${result} =    Keeper Should Fail    install    --system    --root    ${home}/root    --from    ${source}
    Should Contain    ${result.stderr}    ${home}/root/var/lib/rbee/models
    @{entries} =    List Directory    ${home}/root
    Length Should Be    ${entries}    1
    Should Be Equal    ${entries}[0]    var

Config Files Are Looked Up In Order
    [Documentation]    The file of RBEE_CONFIG, the user's, or the system's: the first one that exists is used, and no other.
    [Tags]    S56
    ${_}    ${home} =    Source And Home
    Start Node    pool    ssh=ok    host=pool.home.arpa
    Create File    ${home}/asked.toml    [remote]\nbinary_path = "/asked/rbee-hive"\n
    Create File    ${home}/.config/rbee/config.toml    [remote]\nbinary_path = '/user/rbee-hive' # mine\n
    Create File    ${home}/root/etc/rbee/config.toml    [remote]\nbinary_path = "/system/rbee-hive"\n
    Pool Status Should Run    /asked/rbee-hive status    ${home}    RBEE_CONFIG=${home}/asked.toml
    Pool Status Should Run    /user/rbee-hive status    ${home}
    Remove File    ${home}/.config/rbee/config.toml
    Pool Status Should Run    /system/rbee-hive status    ${home}

Broken Config Names Its Line
    [Tags]    S56
    ${_}    ${home} =    Source And Home
    VAR    &{env}    HOME=${home}
    Create File    ${home}/.config/rbee/config.toml    [remote]\n\nbinary_path /x\n
    ${result} =    Keeper Should Fail    pool    status    --host    pool.home.arpa    env=${env}
    Should Have Parts    ${result.stderr}    ${home}/.config/rbee/config.toml    line 3

Remote Paths Come From The Config
    [Documentation]    The paths in the commands on the node come from the config file, or are defaults without one.
    [Tags]    S57
    ${_}    ${home} =    Source And Home
    Start Node    pool    ssh=ok    host=pool.home.arpa
    Pool Should Run    rbee-hive models list    ${home}    models    list
    Pool Should Run    cd ~/llama-orch && git pull    ${home}    git    pull
    Create File    ${home}/.config/rbee/config.toml
    ...    [remote]\nbinary_path = "/opt/rbee/bin/rbee-hive"\ngit_repo_dir = "/opt/rbee/repo"\n
    Pool Should Run    /opt/rbee/bin/rbee-hive worker list    ${home}    worker    list
    Pool Should Run    cd /opt/rbee/repo && git pull    ${home}    git    pull

Failure Of Ssh Is The Keeper's Own Failure
    [Documentation]    ssh exits with 255, and the keeper with 1.
    [Tags]    S57
    Start Node    pool    ssh=refused    host=pool.home.arpa
    ${result} =    Keeper Should Fail    pool    status    --host    pool.home.arpa
    Should Have Parts    ${result.stderr}    Connection refused    exit code 255


*** Keywords ***
Source And Home
    [Documentation]    Creates a folder with the three programs and an empty home, both until the end of the test;
    ...    returns their paths.
    ${file} =    Create Model File    source/rbee-keeper    size=1KB
    ${source}    ${_} =    Split Path    ${file}
    FOR    ${program}    IN    @{PROGRAMS}
        Create File    ${source}/${program}    \#!/bin/sh\necho ${program}\n
    END
    ${home} =    Normalize Path    ${source}/../home
    Create Directory    ${home}
    RETURN    ${source}    ${home}

Program Should Be Installed
    [Documentation]    The installed program has the bytes of the source and mode 0755.
    [Arguments]    ${path}    ${source}
    ${one} =    Get File    ${path}
    ${other} =    Get File    ${source}
    Should Be Equal    ${one}    ${other}
    ${mode} =    Get File Mode    ${path}
    Should Be Equal    ${mode}    0755

Pool Status Should Run
    [Documentation]    `pool status` runs this command on the node.
    [Arguments]    ${command}    ${home}    &{env}
    VAR    &{env}    HOME=${home}    &{env}
    Run Keeper    pool    status    --host    pool.home.arpa    --root    ${home}/root    env=${env}
    Ssh Should Have Run    ${command}

Pool Should Run
    [Documentation]    `pool` with these arguments runs this command on the node.
    [Arguments]    ${command}    ${home}    @{arguments}
    VAR    &{env}    HOME=${home}
    Run Keeper    pool    @{arguments}    --host    pool.home.arpa    env=${env}
    Ssh Should Have Run    ${command}

Ssh Should Have Run
    [Documentation]    The last call of ssh had exactly two arguments: the host of the pool and this command.
    [Arguments]    ${command}
    @{calls} =    Get Ssh Calls    pool
    VAR    @{expected}    pool.home.arpa    ${command}
    Should Be Equal    ${calls[-1].argv}    ${expected}
