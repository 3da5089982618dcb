"""Behaviours broken on purpose: each mutation must be caught by the test that names the behaviour."""
