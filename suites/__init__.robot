*** Settings ***
Documentation       Scenarios of an rbee fleet: the happy paths, and the failures.
...
...                 Every suite starts real processes: queens, hives, workers, keepers.
...                 Tags are ids of scenarios, such as `S34` and `L017`; README.md lists them with their titles.

Resource            ../resources/rbee.resource
