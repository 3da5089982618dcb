"""Journals: what each program did, one JSON object per line."""
