*** Settings ***
Documentation       Run with a hive that lets a worker live: the test itself passes, the leak fails it.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Leaked Worker Fails The Test
    Start Fleet    workers=2
    Get State    hive    ==    idle
