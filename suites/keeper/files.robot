*** Settings ***
Documentation       `rbee-keeper install` and the config file: what is written where, and which file counts.

Resource            ../../resources/keeper.resource

Test Teardown       Fleet Should Have Behaved


*** Variables ***
@{PROGRAMS}         rbee-keeper    rbee-hive    llm-worker-rbee


*** Test Cases ***
User Install Fills The Home Directory
    [Documentation]    Three programs with mode 0755 and the bytes of the source, config, models folder, instructions.
    [Tags]    S54
    ${source}    ${home} =    Source And Home
    ${result} =    Keeper Should Succeed    install    --from    ${source}    env=${{ {"HOME": $home} }}
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
    Create File    ${home}/.config/rbee/config.toml    [pool]\nname = "mine"\n
    Keeper Should Succeed    install    --from    ${source}    env=${{ {"HOME": $home} }}
    ${config} =    Get File    ${home}/.config/rbee/config.toml
    Should Be Equal    ${config}    [pool]\nname = "mine"\n

Missing Program Is A Warning
    [Documentation]    The others are installed; exit code 0.
    [Tags]    S54
    ${source}    ${home} =    Source And Home
    Remove File    ${source}/rbee-hive
    ${result} =    Keeper Should Succeed    install    --from    ${source}    env=${{ {"HOME": $home} }}
    Should Have Parts    ${result.stdout}    warning    rbee-hive
    File Should Exist    ${home}/.local/bin/llm-worker-rbee

System Install Uses System Paths
    [Tags]    S55
    ${source}    ${home} =    Source And Home
    Keeper Should Succeed    install    --system    --root    ${home}/root    --from    ${source}
    FOR    ${program}    IN    @{PROGRAMS}
        Program Should Be Installed    ${home}/root/usr/local/bin/${program}    ${source}/${program}
    END
    File Should Exist    ${home}/root/etc/rbee/config.toml
    Directory Should Exist    ${home}/root/var/lib/rbee/models

System Install That Cannot Write Leaves Nothing
    [Documentation]    A file stands in the way of one folder: exit code 1, the path is named, no other folder was made.
    [Tags]    S55
    ${source}    ${home} =    Source And Home
    Create File    ${home}/root/var
    ${result} =    Keeper Should Fail    install    --system    --root    ${home}/root    --from    ${source}
    Should Contain    ${result.stderr}    ${home}/root/var/lib/rbee/models
    @{left} =    List Directory    ${home}/root
    Should Be Equal    ${left}    ${{ ["var"] }}

Config Files Are Looked Up In Order
    [Documentation]    RBEE_CONFIG, then the user's, then the system's: the first that exists is used alone.
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
    Create File    ${home}/.config/rbee/config.toml    [remote]\n\nbinary_path /x\n
    ${result} =    Keeper Should Fail    pool    status    --host    pool.home.arpa    env=${{ {"HOME": $home} }}
    Should Have Parts    ${result.stderr}    ${home}/.config/rbee/config.toml    line 3

Remote Paths Come From The Config
    [Documentation]    With a config and without one; ssh gets exactly two words.
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
    [Documentation]    255 becomes 1.
    [Tags]    S57
    Start Node    pool    ssh=refused    host=pool.home.arpa
    ${result} =    Keeper Should Fail    pool    status    --host    pool.home.arpa
    Should Have Parts    ${result.stderr}    Connection refused    exit code 255


*** Keywords ***
Source And Home
    [Documentation]    A folder with the three programs, and an empty home; both go with the test.
    ${file} =    Create Model File    source/rbee-keeper    size=1KB
    ${source} =    Evaluate    os.path.dirname($file)    modules=os
    FOR    ${program}    IN    @{PROGRAMS}
        Create File    ${source}/${program}    \#!/bin/sh\necho ${program}\n
    END
    Create Directory    ${source}/../home
    ${home} =    Evaluate    os.path.realpath($source + "/../home")    modules=os
    RETURN    ${source}    ${home}

Program Should Be Installed
    [Documentation]    Same bytes, mode 0755.
    [Arguments]    ${path}    ${source}
    ${one} =    Get File    ${path}
    ${other} =    Get File    ${source}
    Should Be Equal    ${one}    ${other}
    ${mode} =    Evaluate    oct(os.stat($path).st_mode & 0o777)    modules=os
    Should Be Equal    ${mode}    0o755

Pool Status Should Run
    [Documentation]    `pool status` runs this on the node.
    [Arguments]    ${command}    ${home}    &{env}
    Run Keeper    pool    status    --host    pool.home.arpa    --root    ${home}/root    env=${{ {"HOME": $home, **$env} }}
    @{calls} =    Get Ssh Calls    pool
    Should Be Equal    ${calls[-1].argv}    ${{ ["pool.home.arpa", $command] }}

Pool Should Run
    [Documentation]    `pool` with these words runs this on the node.
    [Arguments]    ${command}    ${home}    @{words}
    Run Keeper    pool    @{words}    --host    pool.home.arpa    env=${{ {"HOME": $home} }}
    @{calls} =    Get Ssh Calls    pool
    Should Be Equal    ${calls[-1].argv}    ${{ ["pool.home.arpa", $command] }}
