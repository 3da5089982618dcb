"""The run's clock, shared by all processes of a run: timers, time limits, and the coordinator that moves it."""
