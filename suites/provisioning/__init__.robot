*** Settings ***
Documentation       From a model reference to a loaded model: download, catalog, GGUF files, and the checks of memory and disk.
