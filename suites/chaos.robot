*** Settings ***
Documentation       Twenty random schedules of failures over fleets of four shapes. Programs are killed, frozen and stopped,
...                 connections cut and refused; the fleet breaks no rule, and no token is lost or made up.
...
...                 Out by default; `robot -v CHAOS:none suites/chaos.robot` brings it in. It takes about ten seconds.

Library             String
Resource            ../resources/rbee.resource

Test Tags           chaos    ${CHAOS}
Test Template       Fleet Should Withstand Chaos


*** Variables ***
${CHAOS}            robot:exclude


*** Test Cases ***    SEED    HIVES    WORKERS    SLOTS
Seed 1    1    1    2    1
Seed 2    2    2    1    1
Seed 3    3    1    3    2
Seed 4    4    2    2    2
Seed 5    5    1    2    1
Seed 6    6    2    1    1
Seed 7    7    1    3    2
Seed 8    8    2    2    2
Seed 9    9    1    2    1
Seed 10    10    2    1    1
Seed 11    11    1    3    2
Seed 12    12    2    2    2
Seed 13    13    1    2    1
Seed 14    14    2    1    1
Seed 15    15    1    3    2
Seed 16    16    2    2    2
Seed 17    17    1    2    1
Seed 18    18    2    1    1
Seed 19    19    1    3    2
Seed 20    20    2    2    2

Fault That Breaks A Rule Is Found And Shrunk
    [Documentation]    A worker with one slot takes a second request. The message has only the few steps that lead there.
    [Template]    NONE
    Start Fleet    workers=1    token_delay=500ms
    TRY
        Unleash Chaos    overbook    seed=5
    EXCEPT    chaos with seed 5 broke the fleet*    type=GLOB    AS    ${message}
        Should Contain    ${message}    too many in flight: worker-1 has 1 slots and runs 2 requests
        ${steps} =    Get Regexp Matches    ${message}    (?m)^ +[\\d.]+ s
        Length Should Be    ${steps}    3
        Should Contain    ${message}    Inject Fault${SPACE*4}worker-1${SPACE*4}overbook
    ELSE
        Fail    the overbooked worker was not found
    END


*** Keywords ***
Fleet Should Withstand Chaos
    [Documentation]    Runs one schedule against a new fleet of this shape.
    [Arguments]    ${seed}    ${hives}    ${workers}    ${slots}
    Start Fleet    hives=${hives}    workers=${workers}    slots=${slots}    token_delay=500ms
    Unleash Chaos    seed=${seed}
