*** Settings ***
Documentation       Restarts two workers of one hive in turn, one after a graceful end and one after SIGKILL.

Library             RbeeLibrary


*** Variables ***
${COUNT}    200


*** Test Cases ***
Restarts
    Start Fleet    workers=2
    FOR    ${number}    IN RANGE    ${${COUNT} // 2}
        Log    ${number}
        Restart    worker-1
        Kill    worker-2
        Restart    worker-2
    END
