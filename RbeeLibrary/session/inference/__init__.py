"""Inferences of a session: submitted, read in the background, cancelled."""
