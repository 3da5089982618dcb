"""Starts, watches, signals and ends real processes. Knows neither rbee nor Robot Framework."""
