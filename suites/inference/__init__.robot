*** Settings ***
Documentation       An inference from the choice of a worker to the last token: streaming, slots, cancellation, progress, broken streams.
