*** Settings ***
Library     RbeeLibrary    console=yes


*** Test Cases ***
Shown Live
    Start Queen
    Get State    queen    ==    idle
