*** Settings ***
Documentation       What rbee does when all goes well, and when it does not.
...
...                 Every suite starts real processes: a queen, hives, workers.
...                 Tags are scenario ids such as `S34` and `L017`.

Resource            ../resources/rbee.resource
