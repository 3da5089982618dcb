*** Settings ***
Documentation       A dry run finds all of these without starting anything.

Resource            ../../../resources/rbee.resource


*** Test Cases ***
Misspelt State
    Get State    worker-1    ==    idel

Misspelt Operator
    Get State    worker-1    =    idle

Misspelt Time
    Get State    worker-1    ==    idle    within=5 parsecs

Misspelt Option
    Start Worker    token_dealy=50ms

Misspelt Shape
    Start Worker    event_shape=plian

Number That Is None
    Get Token Count    ${answer}    ==    many
