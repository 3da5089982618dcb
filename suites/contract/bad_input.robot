*** Settings ***
Documentation       Bad input gets an error with a code and a message, and the program goes on working.

Library             RequestsLibrary
Resource            ../../resources/rbee.resource

Suite Setup         Start Fleet    workers=1
Test Teardown       Fleet Should Have Behaved
Test Template       Request Is Refused


*** Variables ***
${TOO_LONG}         ${{ 'x' * 32769 }}
${TWO_MEGABYTES}    ${{ 'x' * 2097152 }}
${HUGE}             1${{ '0' * 40 }}
${NESTED}           ${{ '[' * 100000 }}


*** Test Cases ***                  PROGRAM     ROUTE                       BODY                                    STATUS
Body That Is No JSON                worker-1    /v1/inference               this is no JSON                         400
Body That Is Cut                    worker-1    /v1/inference               {"prompt":"te                           400
Body That Is A List                 worker-1    /v1/inference               [1,2]                                   400
Prompt Is Missing                   worker-1    /v1/inference               {}                                      400
Prompt Is Empty                     worker-1    /v1/inference               {"prompt":""}                           400
Prompt Is A Number                  worker-1    /v1/inference               {"prompt":7}                            400
Prompt Is Too Long                  worker-1    /v1/inference               {"prompt":"${TOO_LONG}"}                400
Max Tokens Is Negative              worker-1    /v1/inference               {"prompt":"x","max_tokens":-1}          400
Max Tokens Is Huge                  worker-1    /v1/inference               {"prompt":"x","max_tokens":${HUGE}}     400
Max Tokens Is A Word                worker-1    /v1/inference               {"prompt":"x","max_tokens":"many"}      400
Temperature Is Infinite             worker-1    /v1/inference               {"prompt":"x","temperature":1e999}      400
Request Id Climbs Folders           worker-1    /v1/inference               {"prompt":"x","request_id":"../etc"}    400
Two Megabytes                       worker-1    /v1/inference               {"prompt":"${TWO_MEGABYTES}"}           413
Deeply Nested                       worker-1    /v1/inference               ${NESTED}                               400
Half A Surrogate Pair               worker-1    /v1/inference               {"prompt":"\\ud800"}                    400
Unknown Model Reference             hive        /v1/workers/spawn           {"model_ref":"ftp:some/model"}          400
Model Reference Climbs Folders      hive        /v1/workers/spawn           {"model_ref":"hf:../../etc/passwd"}     400
Worker Id With A Blank              hive        /v1/workers/spawn           {"worker_id":"a b"}                     400
Port Out Of Range                   hive        /v1/workers/spawn           {"port":70000}                          400
Device Is Negative                  hive        /v1/workers/spawn           {"device":-1}                           400
Backend That Is Not There           hive        /v1/workers/spawn           {"backend":"metal"}                     400
Binary With A Path                  hive        /v1/workers/spawn           {"binary":"/bin/sh"}                    400
Worker Id That Is Used              hive        /v1/workers/spawn           {"worker_id":"worker-1"}                409
Callback Of An Unknown Worker       hive        /v1/workers/ready           {"worker_id":"nobody"}                  404
Task Without A Prompt               queen       /v2/tasks                   {"node":"workstation","model":"m"}      400
Callback Without A Url              queen       /v2/workers/ready           {"worker_id":"x"}                       400
Removal Of An Unknown Worker        queen       /v2/workers/removed         {"worker_id":"x","reason":"y"}          404
Shutdown Of An Unknown Worker       queen       /v2/workers/shutdown        {"worker_id":"x"}                       404
Heartbeat Of An Unknown Worker      queen       /v1/workers/x/heartbeat     {}                                      404
Route That Does Not Exist           queen       /v9/nothing                 {}                                      404
Method That Does Not Fit            hive        /v1/workers/list            {}                                      405


*** Keywords ***
Request Is Refused
    [Documentation]    The answer has this status and an error with code and message. The program is idle afterwards.
    [Arguments]    ${program}    ${route}    ${body}    ${status}
    ${daemon} =    Get Daemon    ${program}
    ${answer} =    POST    ${daemon.url}${route}    data=${body.encode()}    timeout=10    expected_status=any
    Should Be Equal As Integers    ${answer.status_code}    ${status}
    Should Not Be Empty    ${answer.json()}[error][code]
    Should Not Be Empty    ${answer.json()}[error][message]
    Get State    ${program}    ==    idle
