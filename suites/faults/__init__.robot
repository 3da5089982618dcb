*** Settings ***
Documentation       What tests can break, one test for each kind of fault; cut lines, chaos, and the rules that a fleet has to keep.
