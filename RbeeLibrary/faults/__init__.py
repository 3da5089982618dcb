"""Faults: what can be broken, when, and how often it was."""
