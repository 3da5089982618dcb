*** Settings ***
Documentation       Output of the programs is shown while they run.

Library             RbeeLibrary    console=yes


*** Test Cases ***
Shown Live
    Start Queen
    Get State    queen    ==    idle
