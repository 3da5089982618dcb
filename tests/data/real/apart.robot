*** Settings ***
Documentation       A real program whose clock cannot be moved.

Resource            programs.resource


*** Test Cases ***
Clock That Does Not Follow Is Named
    ${library} =    Get Library Instance    RbeeLibrary
    Evaluate    setattr($library._session.real_time, '_library', None)
    Real Queen With Fake Hive
    Advance Time    1 s
