*** Settings ***
Documentation       One test for each kind of fault; cut and slow lines, chaos, and the rules that every fleet has to keep.
