*** Settings ***
Documentation       The commands of `rbee-keeper`: arguments, output, messages, exit codes, and the files that it writes.
