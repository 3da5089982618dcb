"""One test session: programs by name, starting, stopping, reading, judging. Does not import Robot Framework."""
