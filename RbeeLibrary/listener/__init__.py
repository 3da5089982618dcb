"""Listener for Robot Framework: scopes of suites and tests, evidence of failures, coverage of faults."""
