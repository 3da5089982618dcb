*** Settings ***
Documentation       Nodes and their hives: registration over ssh, installation, start, and hives that cannot be reached.
