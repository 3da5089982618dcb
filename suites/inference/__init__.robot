*** Settings ***
Documentation       Inferences, from the choice of a worker to the last token: streaming, slots, progress, cancellation.
