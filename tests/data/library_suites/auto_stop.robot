*** Settings ***
Documentation       What ends with a test, with a suite, and what only with the run.
...
...                 `test_library.py` runs this with every `auto_stop`.

Library             RbeeLibrary    auto_stop=${AUTO STOP}    on_leak=FAIL

Suite Setup         Start Queen    name=of-the-suite


*** Variables ***
${AUTO STOP}        TEST


*** Test Cases ***
First
    Get State    of-the-suite    ==    idle
    Start Queen    name=of-the-first
    Get State    of-the-first    ==    idle

Second
    Get State    of-the-suite    ==    idle
    IF    '${AUTO STOP}' == 'TEST'
        Run Keyword And Expect Error    there is no 'of-the-first'*    Get State    of-the-first
    ELSE
        Get State    of-the-first    ==    idle
    END
