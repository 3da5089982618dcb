*** Settings ***
Documentation       The HTTP contract of all programs: answers, errors, API keys, bad input, and the requests between programs.
